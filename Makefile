# Doorstep. `make` alone lists the targets.
#
# One profile for everything: what is run is what is tested. That is `release`.

CARGO ?= cargo
UI ?= 127.0.0.1:8099
DOOR ?= 127.0.0.1:8098
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60
# How long cameras misbehave. Pools fill in the first two minutes: below eight, that counts as growth.
SOAK_MINUTES ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-package build run test lint doc deny skill notice figures deb test-install test-image fuzz soak addon clean

help: ## List the targets
	@echo 'Doorstep: talk, from any Echo or Fire TV, to whoever stands at your door.'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the missing Debian packages (as root or with sudo)
	@sh packaging/setup/install.sh build

setup-test: ## The same, with what the tests need: a browser, GStreamer, aiortc, axe-core
	@sh packaging/setup/install.sh test

setup-package: ## The same, with what making and trying packages needs
	@sh packaging/setup/install.sh package

build: setup ## Build both programs
	@echo '==> Building (the first time takes some minutes)' >&2
	$(CARGO) build --release --locked

run: build ## Start the demo: a hub, two cameras, and a page that plays the Echo
	@echo '==> Starting the demo; Ctrl-C ends it' >&2
	@exec ./target/release/doorstep demo --ui $(UI) --door $(DOOR)

test: setup-test ## Run every test
	@sh packaging/setup/test.sh

lint: setup ## Format and clippy; warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings

doc: setup ## Build the code's documentation; warnings are errors
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --locked --no-deps

deny: ## Check licenses, duplicates, sources and advisories of all crates
	@CARGO='$(CARGO)' sh packaging/setup/deny.sh

notice: ## Write NOTICE anew: whose work is inside, and under which licenses
	@CARGO='$(CARGO)' python3 packaging/notice/notice.py

skill: ## Pack the Alexa skill's Lambda function (needs Python 3 alone)
	@python3 packaging/alexa-skill/pack.py target/alexa-skill/lambda.zip

figures: setup-test build ## Measure what the README claims (two hours, wants an idle machine)
	sh benches/all.sh

deb: setup-package build ## Make the Debian package: target/debian/*.deb
	@sh packaging/debian/build.sh

test-install: setup-test setup-package build ## Install, use and purge the Debian package in a clean Debian with systemd (as root)
	@sh packaging/debian/test.sh

test-image: setup-package build ## Make the image of the programs without a container engine, and start it (as root)
	@/usr/bin/python3 packaging/docker/test_image.py --programs target/release

fuzz: setup ## Fuzz everything that parses, FUZZ_SECONDS (60) each (needs cargo-fuzz)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2; exit 1; }
	for target in $$($(CARGO) fuzz list); do \
	    RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

soak: setup-test ## Watch what grows while cameras misbehave for SOAK_MINUTES (60)
	SOAK_MINUTES=$(SOAK_MINUTES) $(CARGO) test --release --locked --test it soak:: -- \
	    --ignored --nocapture --test-threads=3

addon: ## Put together target/hub-addon, from which a hub builds the add-on
	rm -rf target/hub-addon
	sh packaging/hub-addon/folder.sh target/hub-addon
	@echo 'Copy target/hub-addon/doorstep to the addons folder of the hub; the store shows it under "Local apps".'

clean: ## Remove everything that was built or installed here
	rm -rf target fuzz/target .venv
