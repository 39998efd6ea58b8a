// The files that Amazon's console and `ask smapi` read, held to their published rules:
// https://developer.amazon.com/docs/alexa/smapi/skill-manifest.html and account-linking-schemas.html.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const read = (name) => JSON.parse(readFileSync(here(name), "utf8"));
const keys = (object) => Object.keys(object).sort();

const { manifest } = read("skill.json");
const REGIONS = { NA: "us-east-1", EU: "eu-west-1", FE: "us-west-2" };
// Where Alexa's smart home skills can be offered.
const LOCALES =
  "ar-SA de-DE en-AU en-CA en-GB en-IN en-US es-ES es-MX es-US fr-CA fr-FR hi-IN it-IT ja-JP nl-NL pt-BR".split(" ");

test("the manifest is one of a smart home skill that may send events", () => {
  assert.deepEqual(keys(read("skill.json")), ["manifest"]);
  const parts = ["apis", "manifestVersion", "permissions", "privacyAndCompliance", "publishingInformation"];
  assert.deepEqual(keys(manifest), parts);
  assert.equal(manifest.manifestVersion, "1.0");
  assert.deepEqual(manifest.permissions, [{ name: "alexa::async_event:write" }]);
  assert.deepEqual(keys(manifest.apis), ["smartHome"]);
  assert.equal(manifest.apis.smartHome.protocolVersion, "3");
  assert.equal(manifest.publishingInformation.category, "SMART_HOME");
  assert.ok(["PUBLIC", "PRIVATE"].includes(manifest.publishingInformation.distributionMode));
  // Countries are named only where not all of them are meant.
  const { isAvailableWorldwide, distributionCountries, testingInstructions } = manifest.publishingInformation;
  assert.equal(isAvailableWorldwide, distributionCountries.length === 0);
  assert.ok(testingInstructions.length > 0 && testingInstructions.length <= 4000);
});

test("each region has its function, and all places are still to be filled in", () => {
  const { endpoint, regions } = manifest.apis.smartHome;
  assert.deepEqual(keys(regions), keys(REGIONS));
  for (const [region, aws] of Object.entries(REGIONS)) {
    const { uri } = regions[region].endpoint;
    const filledIn = uri.replace("YOUR_AWS_ACCOUNT", "123456789012");
    assert.match(filledIn, /^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}$/);
    assert.ok(uri.includes(`:${aws}:YOUR_AWS_ACCOUNT:`), uri);
  }
  assert.equal(endpoint.uri, regions.NA.endpoint.uri);
});

test("what stands in the store fits there, in each language", () => {
  const { locales } = manifest.publishingInformation;
  for (const wanted of ["en-US", "en-GB", "de-DE"]) assert.ok(wanted in locales);
  for (const [locale, texts] of Object.entries(locales)) {
    assert.ok(LOCALES.includes(locale), locale);
    assert.deepEqual(keys(texts), ["description", "examplePhrases", "keywords", "name", "summary"], locale);
    const { name, summary, description, examplePhrases, keywords } = texts;
    assert.ok(name.length >= 2 && name.length <= 50, locale);
    assert.ok(!/alexa|echo|amazon/i.test(name), "Amazon's own names are not allowed there");
    assert.ok(summary.length > 0 && summary.length <= 160, locale);
    assert.ok(description.length > 0 && description.length <= 4000, locale);
    assert.ok(examplePhrases.length >= 1 && examplePhrases.length <= 3, locale);
    for (const phrase of examplePhrases) assert.ok(phrase.startsWith("Alexa, ") && phrase.length <= 200, phrase);
    assert.ok(keywords.length <= 30 && keywords.join(",").length <= 150, locale);
  }
});

test("all questions of privacy are answered", () => {
  const answers = manifest.privacyAndCompliance;
  const asked = ["allowsPurchases", "containsAds", "isChildDirected", "isExportCompliant", "usesPersonalInfo"];
  assert.deepEqual(keys(answers), asked);
  for (const answer of Object.values(answers)) assert.equal(typeof answer, "boolean");
});

/** An account link, once it was held to the rules for all of them. */
function link(name) {
  const whole = read(`account-linking/${name}.json`);
  assert.deepEqual(keys(whole), ["accountLinkingRequest"]);
  const request = whole.accountLinkingRequest;
  for (const key of ["authorizationUrl", "accessTokenUrl"]) {
    const url = new URL(request[key]);
    // Alexa takes no other port than 443 here.
    assert.deepEqual([url.protocol, url.port, url.search], ["https:", "", ""], key);
  }
  // Smart home skills take no other kind, and need a scope.
  assert.equal(request.type, "AUTH_CODE");
  assert.ok(request.scopes.length >= 1 && request.scopes.length <= 15);
  assert.ok(request.domains.length <= 15);
  assert.ok(request.clientId.length > 0 && request.clientSecret.length > 0);
  // The hub wants the client's id in the body.
  assert.equal(request.accessTokenScheme, "REQUEST_BODY_CREDENTIALS");
  assert.equal(request.skipOnEnablement, false, "a smart home skill without a link has no token");
  return request;
}

for (const [region, client] of [
  ["na", "https://pitangui.amazon.com/"],
  ["eu", "https://layla.amazon.com/"],
  ["fe", "https://alexa.amazon.co.jp/"],
]) {
  test(`the account link of ${region} is one that the hub takes`, () => {
    const request = link(region);
    assert.equal(request.clientId, client, "the origin of where Alexa is redirected to");
    assert.deepEqual(request.scopes, ["smart_home"]);
    const [authorize, token] = [new URL(request.authorizationUrl), new URL(request.accessTokenUrl)];
    assert.deepEqual([authorize.pathname, token.pathname], ["/auth/authorize", "/auth/token"]);
    assert.equal(authorize.origin, token.origin);
    assert.match(request.authorizationUrl, /YOUR-HUB/, "to be filled in");
  });
}

test("the account link without a hub is Login with Amazon, for the user's id alone", () => {
  const request = link("no-hub");
  assert.equal(request.authorizationUrl, "https://www.amazon.com/ap/oa");
  assert.equal(request.accessTokenUrl, "https://api.amazon.com/auth/o2/token");
  assert.deepEqual(request.scopes, ["profile:user_id"]);
});

test("the archive holds the function and nothing else, and is the same each time", (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "skill-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const packed = ["a.zip", "b.zip"].map((name) => {
    const archive = path.join(folder, name);
    execFileSync("/usr/bin/python3", [here("pack.py"), archive], { stdio: "ignore" });
    return archive;
  });
  const [one, other] = packed.map((archive) => readFileSync(archive));
  assert.ok(one.equals(other));
  const list = "import sys, zipfile; print('\\n'.join(zipfile.ZipFile(sys.argv[1]).namelist()))";
  const names = execFileSync("/usr/bin/python3", ["-c", list, packed[0]]).toString().trim().split("\n");
  assert.deepEqual(names, readdirSync(here("lambda")).sort());
  assert.ok(names.includes("index.mjs"));
});
