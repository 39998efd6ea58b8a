//! Versions that know other formats of the settings file take over from each other.

use std::os::unix::fs::PermissionsExt;

use toml_edit::Value as Toml;

use super::*;
use crate::config::migrate::FORMAT;

/// As a later version might: a key goes to another section.
const SECOND: Formats<DocumentMut> = Formats::new(&[|document| {
    if let Some(calls) = document.get_mut("calls").and_then(|calls| calls.as_table_mut())
        && let Some(item) = calls.remove("most")
    {
        document["limits"]["calls"] = item;
        document.remove("calls");
    }
}]);

const FIRSTS: &str = "# my house\n[limits] # few\ncall_minutes = 5 # short\n\n[calls]\nmost = 7\n\n# front\n[[camera]]\nid = \"a\"\nsource = \"test:\"\n";

impl House {
    fn knowing(text: &str, formats: Formats<DocumentMut>) -> Self {
        let mut house = House::new("", &[]);
        house.settings.formats = formats;
        house.write(text);
        house
    }

    fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(name)).ok()
    }
}

#[test]
fn an_older_file_is_brought_to_todays_format_with_its_comments_and_kept_as_it_was() {
    let house = House::knowing(FIRSTS, SECOND);
    let loaded = house.settings.load();
    assert_eq!((loaded.problems, loaded.config.limits.calls), (vec![], 7));
    let now = house.text();
    assert_eq!(now.parse::<DocumentMut>().unwrap()[FORMAT].as_integer(), Some(2));
    for kept in ["# my house", "[limits] # few", "call_minutes = 5 # short", "# front\n[[camera]]"] {
        assert!(now.contains(kept), "{kept} in {now}");
    }
    assert_eq!(house.file("config.toml.format-1").as_deref(), Some(FIRSTS));
    for name in ["config.toml", "config.toml.format-1"] {
        let mode = std::fs::metadata(house.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(house.settings.load().problems, []);
    assert_eq!((house.text(), house.settings.look().format), (now.clone(), 2));
    house.begin();
    house.change(json!([{ "key": "limits.calls", "value": 3 }])).unwrap();
    assert_eq!(house.text(), now.replace("calls = 7", "calls = 3"));
}

#[test]
fn a_newer_file_is_left_alone_and_what_was_there_before_holds() {
    let newer = "format = 2\nlimits.calls = 9\n[rooms]\nhall = 'canary'\n";
    let house = House::new(OLD, &[("SUPERVISOR_TOKEN", "supervisor")]);
    house.write(newer);
    let loaded = house.settings.load();
    assert_eq!(loaded.config.cameras.len(), 1, "the last good copy");
    let told = house.settings.problems().join("\n");
    assert!(told.contains("format: written by a newer Doorstep (format 2; this one knows 1)"), "{told}");
    assert!(told.contains("last good copy") && !told.contains("canary"), "{told}");
    let view = house.settings.look();
    assert!(!view.editable && view.why_not.unwrap().contains("newer Doorstep"));
    let refused = house.change(json!([{ "key": "limits.calls", "value": 3 }])).unwrap_err();
    assert!(matches!(refused, SaveError::Newer(_)), "{refused}");
    assert_eq!(house.text(), newer);

    // The newer version made the last good copy too, and kept the file that it had found.
    std::fs::write(house.settings.place.good(), newer).unwrap();
    let loaded = house.settings.load();
    assert_eq!(
        (loaded.config.cameras.len(), loaded.config.limits.calls),
        (0, 16),
        "its words may mean anything"
    );
    assert_eq!(loaded.problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), [FORMAT]);
    assert!(
        house.settings.problems()[0].contains("nothing but the defaults"),
        "{:?}",
        house.settings.problems()
    );
    std::fs::write(house.folder.path().join("config.toml.format-1"), OLD).unwrap();
    assert_eq!(house.settings.load().config.cameras.len(), 1);
    let told = house.settings.problems().join("\n");
    assert!(told.contains("config.toml.format-1 in its place"), "{told}");
    assert_eq!(std::fs::read_to_string(house.settings.place.good()).unwrap(), newer, "it is the newer one's");
}

#[test]
fn upgrades_and_downgrades_in_turn_lose_nothing() {
    let mut house = House::knowing("[calls]\nmost = 7\n", SECOND);
    for _ in 0..3 {
        house.settings.formats = SECOND;
        let loaded = house.settings.load();
        assert_eq!((loaded.problems, loaded.config.limits.calls), (vec![], 7));
        let newer = house.text();
        house.settings.formats = Formats::new(&[]);
        assert!(house.settings.load().problems.iter().any(|problem| problem.key == FORMAT));
        assert_eq!(house.text(), newer);
    }
    // The user does as is advised.
    std::fs::write(house.folder.path().join("config.toml"), "limits.calls = 4\n").unwrap();
    assert_eq!(house.settings.load().problems, []);
    house.settings.formats = SECOND;
    assert_eq!(house.settings.load().config.limits.calls, 4);
    assert_eq!(house.file("config.toml.format-1").as_deref(), Some("limits.calls = 4\n"));
}

#[test]
fn killed_between_the_copy_and_the_new_file_it_is_done_again() {
    let house = House::knowing(FIRSTS, SECOND);
    std::fs::write(house.folder.path().join("config.toml.format-1"), FIRSTS).unwrap();
    assert_eq!(house.settings.load().config.limits.calls, 7);
    assert_eq!(house.file("config.toml.format-1").as_deref(), Some(FIRSTS));
}

#[test]
fn where_nothing_can_be_written_an_older_file_holds_as_it_is_and_that_is_told() {
    let house = House::knowing(FIRSTS, SECOND);
    // No file can take the place of a folder.
    std::fs::create_dir(house.folder.path().join("config.toml.format-1")).unwrap();
    let loaded = house.settings.load();
    assert_eq!((loaded.problems, loaded.config.limits.calls), (vec![], 7));
    let told = house.settings.problems().join("\n");
    assert!(told.contains("stays in its older format"), "{told}");
    assert_eq!(house.text(), FIRSTS);
}

#[test]
fn a_format_that_is_none_is_a_mistake_of_that_key_and_an_empty_file_is_of_the_first() {
    for bad in
        ["format = '1'", "format = -1", "format = 0", "format = 1.5", "[format]\na = 1", "format = [1]"]
    {
        let house = House::new("limits.calls = 5\n", &[]);
        house.write(&format!("limits.calls = 6\n{bad}\n"));
        let loaded = house.settings.load();
        assert_eq!(loaded.problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), [FORMAT], "{bad}");
        assert_eq!(loaded.config.limits.calls, 5, "{bad}: the last good copy");
        let refused = house.change(json!([{ "key": "limits.calls", "value": 3 }]));
        assert!(matches!(refused, Err(SaveError::Damaged)) && !house.settings.look().editable, "{bad}");
    }
    let house = House::knowing("", SECOND);
    assert_eq!(house.settings.load().problems, []);
    assert_eq!(house.file("config.toml.format-1"), None, "nothing was in it");
    house.begin();
    house.change(json!([{ "key": "limits.calls", "value": 3 }])).unwrap();
    assert_eq!(house.text().parse::<DocumentMut>().unwrap()[FORMAT].as_integer(), Some(2));
    let house = House::new("format = 1\n", &[]);
    house.change(json!([{ "key": "format", "value": Toml::from(1).to_string() }])).unwrap_err();
    assert_eq!((house.settings.load().problems, house.text().as_str()), (vec![], "format = 1\n"));
}
