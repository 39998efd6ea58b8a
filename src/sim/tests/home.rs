//! The home whose hub was recorded.

use super::*;
use crate::sim::hub::SimStill;

/// Answers, and tells two candidates, as go2rtc does of itself.
const FAR_END: &str = r#"
read offer
printf '%s\n' '{"answer": "v=0\r\na=ice-ufrag:abcd\r\n"}'
printf '%s\n' '{"candidate": "candidate:1 1 tcp 1671430142 127.0.0.1 7 typ host tcptype passive"}'
printf '%s\n' '{"candidate": "candidate:2 1 udp 2130706429 127.0.0.1 7 typ host"}'
while read line; do :; done
"#;
/// As a camera that speaks WebRTC itself.
const NATIVE_END: &str = r#"
read offer
printf '%s\n' '{"answer": "v=0\r\n"}'
printf '%s\n' '{"candidate": "candidate:1 1 udp 2130706431 127.0.0.1 7 typ host"}'
while read line; do :; done
"#;

/// Its cameras.
pub(super) fn home() -> Vec<SimCamera> {
    let program = |line: &str| Some(vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()]);
    let camera = |key: &str, types: &[&str]| SimCamera {
        key: key.into(),
        name: key.replace('_', " "),
        model: "Cam".into(),
        stream_types: types.iter().map(|&way| way.to_owned()).collect(),
        two_way_audio: Some(false),
        ..SimCamera::default()
    };
    let both = ["web_rtc", "hls"];
    let nameless = |camera: SimCamera| SimCamera { model: String::new(), ..camera };
    let still = Some(SimStill::Jpeg(vec![0xff, 0xd8, 0xff]));
    vec![
        SimCamera {
            doorbell: true,
            motion: true,
            area: Some("Entrance".into()),
            relay: program(FAR_END),
            still: still.clone(),
            ..camera("front_door", &both)
        },
        SimCamera { area: Some("Garden area".into()), ..camera("garden", &both) },
        SimCamera { hls: program("sleep 60"), ..camera("hall", &both) },
        camera("shed", &both),
        SimCamera { relay: program(NATIVE_END), ..camera("porch", &["web_rtc"]) },
        camera("attic", &[]),
        nameless(SimCamera { still, can_be_off: true, ..camera("demo_camera", &["hls"]) }),
        nameless(SimCamera { can_be_off: true, ..camera("demo_camera_without_stream", &[]) }),
    ]
}
