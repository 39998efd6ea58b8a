//! A finding as lines for people.

use super::finding::Finding;

/// What was found, line by line.
#[must_use]
pub fn report(finding: &Finding) -> String {
    let fit = if finding.fit { "fit for calls" } else { "not fit for calls" };
    let mut lines = vec![format!("{}: {fit}", finding.camera), finding.says.text.clone()];
    if let Some(way) = finding.from {
        lines.push(format!("way:     {way}"));
    }
    lines.extend(finding.tried.iter().map(|tried| {
        let when = if tried.earlier { "shows nothing of late" } else { "shows nothing" };
        format!("         {} {when}: {}", tried.way, tried.reason)
    }));
    lines.extend(picture(finding));
    if let Some(sound) = &finding.sound {
        lines.push(match sound.codec.as_str() {
            "none" => "sound:   none; calls get silence".to_owned(),
            codec => format!("sound:   {codec}, {} Hz", sound.rate),
        });
    }
    if finding.fit {
        let talk = if finding.talk { "possible" } else { "not possible" };
        lines.push(format!("talk:    {talk}: {}", finding.talk_why));
    }
    if let (Some(opened), Some(first)) = (finding.opened_ms, finding.first_picture_ms) {
        lines.push(format!("times:   open after {opened} ms, first picture after {first} ms"));
    }
    if finding.running {
        lines.push("         it was open already; nothing was opened a second time".into());
    }
    let to_do =
        if finding.advice.is_empty() && finding.fit { "nothing to do better" } else { "to do better:" };
    if finding.fit || !finding.advice.is_empty() {
        lines.push(to_do.into());
    }
    lines.extend(finding.advice.iter().map(|advice| format!("  - {advice}")));
    lines.join("\n") + "\n"
}

fn picture(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(video) = &finding.video {
        lines.push(format!("picture: {}, {} x {}", video.codec, video.width, video.height));
    }
    if let (Some(rate), Some(kbps)) = (finding.pictures_per_second, finding.kbps) {
        let keys = match (finding.key_picture_seconds, finding.key_picture_longer_than) {
            (Some(seconds), _) => format!("a key picture every {seconds:.1} s"),
            (None, Some(seconds)) => format!("key pictures more than {seconds:.0} s apart"),
            (None, None) => "no key picture seen".to_owned(),
        };
        lines.push(format!("flow:    {rate:.0} pictures/s, {kbps} kbit/s, {keys}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_picture_that_did_not_come_is_told_as_more_than_the_time_it_was_waited_for() {
        let finding = Finding {
            fit: true,
            pictures_per_second: Some(25.0),
            kbps: Some(900),
            key_picture_longer_than: Some(12.0),
            ..Finding::default()
        };
        assert!(report(&finding).contains("25 pictures/s, 900 kbit/s, key pictures more than 12 s apart"));
    }
}
