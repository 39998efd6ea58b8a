//! The command line, nothing else.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use doorstep::app::run::{self, Signals};
use doorstep::app::{self, App, ready};
use doorstep::camera::probe::{self, Finding};
use doorstep::camera::sentence::Sentence;
use doorstep::config::Config;
use doorstep::config::load::{LOG_VARIABLE, Loaded, Problem, load};
use doorstep::config::place::Place;
use doorstep::config::settings::Settings;
use doorstep::config::validate::source_address;
use doorstep::http::tls::Certificate;
use doorstep::media::AddressPolicy;
use doorstep::sim::demo;
use doorstep::state::State;
use doorstep::telemetry::{self, redact};
use secrecy::{ExposeSecret, SecretString};

/// Talk, from any Echo or Fire TV, to whoever stands at your door.
#[derive(Parser)]
#[command(name = "doorstep", version, arg_required_else_help = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The add-on itself. Without settings it starts with no hub and no camera
    Run {
        #[command(flatten)]
        files: Files,
    },
    /// Shows how it works: a simulated hub, two demo cameras, a page that plays the Echo
    Demo {
        /// Where the page listens, HOST:PORT
        #[arg(long, default_value = "127.0.0.1:8099")]
        ui: String,
        /// Where the door listens, HOST:PORT
        #[arg(long, default_value = "127.0.0.1:8098")]
        door: String,
    },
    /// Opens a camera as a call would, says what it is and what a call would do
    Probe {
        /// An address (rtsp, rtsps, http, https, test:), or endpoint id, entity or name of a camera of the
        /// settings or of the hub
        camera: String,
        #[command(flatten)]
        files: Files,
        /// Says it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Names every problem of the settings
    Check {
        /// The settings file
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Prints the hub add-on's config.yaml
    Manifest,
}

#[derive(clap::Args)]
struct Files {
    /// The settings file
    #[arg(long)]
    config: Option<PathBuf>,
    /// The folder for what must survive a restart
    #[arg(long)]
    data: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Line::parse().command {
        Command::Run { files } => run(Place::find(files.config, files.data)),
        Command::Demo { ui, door } => run_demo(demo::Addresses { ui, door }),
        Command::Probe { camera, files, json } => {
            run_probe(&camera, Place::find(files.config, files.data), json)
        }
        Command::Check { config } => check(config),
        Command::Manifest => say(&doorstep::manifest::config_yaml().map_err(|e| e.to_string())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            if !text.is_empty() {
                eprintln!("doorstep: {}", redact::redact(&text));
            }
            ExitCode::FAILURE
        }
    }
}

fn say(text: &Result<String, String>) -> Result<(), String> {
    let text = text.as_ref().map_err(Clone::clone)?;
    // A reader that has gone away (`| head`) is no fault.
    let _gone = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn load_settings(place: &Place) -> Loaded {
    let loaded = load(place, &environment);
    loaded.config.secrets().iter().for_each(redact::hide);
    loaded
}

fn start_telemetry(level: &str) {
    telemetry::start_logging(level, environment(LOG_VARIABLE).as_deref());
    telemetry::metrics();
}

fn run(place: Place) -> Result<(), String> {
    let settings = Arc::new(Settings::new(place, Box::new(environment), Certificate::problem_of));
    let loaded = run::load(&settings);
    start_telemetry(&loaded.config.log.level);
    run::complain(&settings);
    let supervised = loaded.config.supervised;
    actix::System::new().block_on(async move {
        let failed = |error: std::io::Error| format!("signals cannot be heard: {error}");
        let mut signals = Signals::listen().map_err(failed)?;
        let app = App::start(loaded.config, settings.clone(), None).await.map_err(|e| e.to_string())?;
        let page = match supervised {
            true => "behind the hub's ingress".to_owned(),
            false => format!("http://{}", app.ui_addr()),
        };
        tracing::info!(page, data = %settings.data().display(), "running");
        if let Some(Err(error)) = std::env::var_os(ready::SOCKET_VARIABLE).as_deref().map(ready::tell) {
            tracing::warn!(%error, "the service manager could not be told that it runs");
        }
        run::keep(app, &settings, None, &mut signals).await.map_err(|e| e.to_string())
    })
}

fn run_demo(addresses: demo::Addresses) -> Result<(), String> {
    start_telemetry("info");
    actix::System::new().block_on(async move { demo::run(&addresses).await.map_err(|e| e.to_string()) })
}

fn check(config: Option<PathBuf>) -> Result<(), String> {
    let place = Place::find(config, None);
    // Without the last good copy: what counts is the file.
    let loaded = load_settings(&Place { data: PathBuf::new(), ..place });
    let certificate = Certificate::problem_of(&loaded.config);
    let problems: Vec<Problem> = loaded.problems.into_iter().chain(certificate).collect();
    for problem in &problems {
        say(&Ok(format!("{problem}\n")))?;
    }
    match (problems.len(), loaded.path.exists()) {
        (0, true) => say(&Ok(format!("{}: all is well\n", loaded.path.display()))),
        (0, false) => {
            let path = loaded.path.display();
            say(&Ok(format!(
                "{path} does not exist: all settings are defaults, unless --config names another file\n"
            )))
        }
        _ => Err(String::new()),
    }
}

fn run_probe(name: &str, place: Place, json: bool) -> Result<(), String> {
    let began = std::time::Instant::now();
    let tell = move |news: &Sentence| {
        eprintln!("{:5.1} s  {}", began.elapsed().as_secs_f32(), redact::redact(&news.text));
    };
    telemetry::start_logging("error", environment(LOG_VARIABLE).as_deref());
    let finding = actix::System::new().block_on(async {
        if name.contains("://") || name.starts_with("test:") {
            return probe_an_address(name, tell).await;
        }
        let config = load_settings(&place).config;
        let (learned, switched_off) = (State::learned_in(&place.data), State::switched_off_in(&place.data));
        app::probe::probe(name, &config, &app::probe::Remembered { learned, switched_off }, tell).await
    })?;
    let text = if json {
        serde_json::to_string_pretty(&finding).map_err(|e| e.to_string())? + "\n"
    } else {
        probe::report(&finding)
    };
    say(&Ok(redact::redact(&text)))?;
    if finding.fit { Ok(()) } else { Err(String::new()) }
}

async fn probe_an_address(address: &str, tell: impl FnMut(&Sentence)) -> Result<Finding, String> {
    let source = SecretString::from(address.to_owned());
    doorstep::config::secrets_in(&source).iter().for_each(redact::hide);
    source_address(source.expose_secret()).map_err(|why| format!("the address {why}"))?;
    let max_kbps = Config::default().webrtc.max_kbps;
    probe::probe_address("the camera", &source, AddressPolicy::default(), max_kbps, tell).await
}
