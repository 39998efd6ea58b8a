//! The command line, nothing else.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorstep::app::App;
use doorstep::camera::probe::{self, Finding};
use doorstep::config::load::{Loaded, Problem, load};
use doorstep::config::place::Place;
use doorstep::config::validate::source_address;
use doorstep::http::tls::Certificate;
use doorstep::sim::demo;
use doorstep::telemetry::{self, redact};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};

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
        /// An address (rtsp, rtsps, http, https, test:), or id, entity or name of a camera of the settings
        camera: String,
        /// The settings file
        #[arg(long)]
        config: Option<PathBuf>,
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
        Command::Probe { camera, config, json } => run_probe(&camera, config, json),
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
    telemetry::start_logging(level, environment(telemetry::LOG_VARIABLE).as_deref());
    telemetry::metrics();
}

fn run(place: Place) -> Result<(), String> {
    let loaded = load_settings(&place);
    start_telemetry(&loaded.config.log.level);
    for problem in &loaded.problems {
        tracing::warn!(settings = %loaded.path.display(), "{problem}");
    }
    if let Err(error) = loaded.keep(&place) {
        tracing::warn!(%error, "the last good copy of the settings cannot be kept");
    }
    let instead = loaded.instead.map(str::to_owned);
    let supervised = loaded.config.supervised;
    let notes = instead.into_iter().chain(loaded.problems.iter().map(ToString::to_string)).collect();
    actix::System::new().block_on(async move {
        let failed = |error: std::io::Error| format!("signals cannot be heard: {error}");
        // Before anything is started, so that no signal is missed.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let app = App::start(loaded.config, &place.data, None, notes).await.map_err(|e| e.to_string())?;
        let page = match supervised {
            true => "behind the hub's ingress".to_owned(),
            false => format!("http://{}", app.ui_addr()),
        };
        tracing::info!(page, data = %place.data.display(), "running");
        let broken = tokio::select! {
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
            () = app.broken() => true,
        };
        app.stop().await;
        if broken { Err("it broke down and has to be started anew; its log says why".into()) } else { Ok(()) }
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
    let certificate = Certificate::of(&loaded.config.door).and_then(|certificate| {
        certificate.look();
        certificate.problem()
    });
    let problems: Vec<Problem> = loaded.problems.into_iter().chain(certificate).collect();
    for problem in &problems {
        say(&Ok(format!("{problem}\n")))?;
    }
    match (problems.len(), loaded.path.exists()) {
        (0, true) => say(&Ok(format!("{}: all is well\n", loaded.path.display()))),
        (0, false) => {
            say(&Ok(format!("{} does not exist; all settings are defaults\n", loaded.path.display())))
        }
        _ => Err(String::new()),
    }
}

fn run_probe(name: &str, config: Option<PathBuf>, json: bool) -> Result<(), String> {
    let (camera, source) = camera_to_probe(name, config)?;
    if let Err(why) = source_address(source.expose_secret()) {
        return Err(format!("{camera}: the address {why}"));
    }
    telemetry::start_logging("error", environment(telemetry::LOG_VARIABLE).as_deref());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let began = std::time::Instant::now();
    let tell = move |line: &str| {
        eprintln!("{:5.1} s  {}", began.elapsed().as_secs_f32(), redact::redact(line));
    };
    let finding = runtime.block_on(probe::probe_apart(&camera, &source, tell))?;
    let text = if json {
        serde_json::to_string_pretty(&finding).map_err(|e| e.to_string())? + "\n"
    } else {
        told(&camera, &finding)
    };
    say(&Ok(redact::redact(&text)))?;
    if finding.fit { Ok(()) } else { Err(String::new()) }
}

/// Name and address of what the user named.
fn camera_to_probe(name: &str, config: Option<PathBuf>) -> Result<(String, SecretString), String> {
    if name.contains("://") || name.starts_with("test:") {
        let source = SecretString::from(name.to_owned());
        doorstep::config::password_in(&source).iter().for_each(redact::hide);
        return Ok(("the camera".into(), source));
    }
    let loaded = load_settings(&Place::find(config, None));
    let is = |own: &Option<String>| own.as_deref() == Some(name);
    let mut cameras = loaded.config.cameras.into_iter();
    let camera = cameras.find(|camera| is(&camera.id) || is(&camera.entity) || is(&camera.name));
    let camera = camera.ok_or_else(|| {
        format!("{name:?} is no address, and no camera of {} is called so", loaded.path.display())
    })?;
    let source = camera.source.ok_or_else(|| {
        format!("{name:?} has no `source` of its own in the settings; give it one, its RTSP address")
    })?;
    Ok((camera.name.unwrap_or_else(|| name.to_owned()), source))
}

fn told(camera: &str, finding: &Finding) -> String {
    let mut lines =
        vec![format!("{camera}: {}", if finding.fit { "fit for calls" } else { "not fit for calls" })];
    if let Some(video) = &finding.video {
        lines.push(format!("picture: {}, {} x {}", video.codec, video.width, video.height));
    }
    if let Some(rate) = finding.pictures_per_second {
        let kbps = finding.kbps.unwrap_or_default();
        let keys = finding.key_picture_seconds.map_or_else(
            || "key pictures more than 3 s apart".to_owned(),
            |seconds| format!("a key picture every {seconds:.1} s"),
        );
        lines.push(format!("flow:    {rate:.0} pictures/s, {kbps} kbit/s, {keys}"));
    }
    if let Some(sound) = &finding.sound {
        lines.push(match sound.codec.as_str() {
            "none" => "sound:   none; calls get silence".to_owned(),
            codec => format!("sound:   {codec}, {} Hz", sound.rate),
        });
    }
    if let (Some(opened), Some(first)) = (finding.opened_ms, finding.first_picture_ms) {
        lines.push(format!("times:   open after {opened} ms, first picture after {first} ms"));
    }
    lines.push(finding.says.clone());
    lines.join("\n") + "\n"
}
