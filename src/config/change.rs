//! What a user wants to have changed, and how it is written into the settings file.

use serde::Deserialize;
use serde_json::Value as Json;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::camera_key::CAMERA_KEYS;
use super::key::{KEYS, Key, TURN};
use super::load::Problem;
use super::masked_address::unmasked;
use super::save::{SaveError, set};

/// One change of the settings.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The camera whose key it is; nothing for a key of the house.
    #[serde(default)]
    pub camera: Option<WhichCamera>,
    /// `section.key`, or the key alone for a camera. Nothing where the camera is taken away.
    #[serde(default)]
    pub key: Option<String>,
    /// What it is set to; `null` takes the key away.
    #[serde(default)]
    pub value: Json,
    /// Takes away all that is set of the camera.
    #[serde(default)]
    pub remove: bool,
}

/// A camera of the settings, by what names it there. One that is not there yet is added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichCamera {
    /// One that no hub knows.
    Id(String),
    /// Settings for one of the hub's.
    Entity(String),
}

impl WhichCamera {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Id(id) => ("id", id),
            Self::Entity(entity) => ("entity", entity),
        }
    }
}

impl Change {
    /// Name of the key, for people and pages.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.camera, &self.key) {
            (Some(which), key) => {
                let key = key.as_ref().map(|key| format!(".{key}")).unwrap_or_default();
                format!("camera {:?}{key}", which.parts().1)
            }
            (None, key) => key.clone().unwrap_or_default(),
        }
    }

    /// Writes it into the file's text.
    ///
    /// # Errors
    /// When there is no such key, or nothing that it could be set to.
    pub(super) fn apply(&self, document: &mut DocumentMut) -> Result<(), SaveError> {
        match (&self.camera, &self.key) {
            (Some(which), key) => self.apply_to_camera(document, which, key.as_deref()),
            (None, Some(key)) if !self.remove => self.apply_to_key(document, key),
            _ => Err(refused("", "a change names a key, or a camera to be removed")),
        }
    }

    fn apply_to_key(&self, document: &mut DocumentMut, name: &str) -> Result<(), SaveError> {
        let known = Key::of(name).and_then(|key| key.name.split_once('.'));
        let Some((section, key)) = known else {
            let all: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            return Err(refused(name, format!("is no setting; there is {}", all.join(", "))));
        };
        if self.value.is_null() && !document.contains_key(section) {
            return Ok(());
        }
        let by_hand = || refused(name, "is written in a way that can only be changed by hand");
        let place = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
        let table = place.as_table_like_mut().ok_or_else(by_hand)?;
        let mut value = self.value.clone();
        if name == TURN {
            keep_passwords(&mut value, table.get(key));
        }
        set(table, key, written(name, &value)?);
        Ok(())
    }

    fn apply_to_camera(
        &self,
        document: &mut DocumentMut,
        which: &WhichCamera,
        key: Option<&str>,
    ) -> Result<(), SaveError> {
        let name = self.name();
        let (named_by, own_name) = which.parts();
        let cameras = document.entry("camera").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let by_hand = || refused(&name, "is written in a way that can only be changed by hand");
        let cameras = cameras.as_array_of_tables_mut().ok_or_else(by_hand)?;
        let is_it = |table: &Table| table.get(named_by).and_then(Item::as_str) == Some(own_name);
        let index = cameras.iter().position(is_it);
        let Some(key) = key else {
            return match (self.remove, index) {
                (true, Some(index)) => {
                    cameras.remove(index);
                    Ok(())
                }
                (true, None) => Ok(()),
                (false, _) => Err(refused(&name, "a change of a camera names a key, or removes it")),
            };
        };
        if self.remove || !CAMERA_KEYS.contains(&key) {
            return Err(refused(&name, format!("is no setting; there is {}", CAMERA_KEYS.join(", "))));
        }
        let index = index.unwrap_or_else(|| {
            let mut table = Table::new();
            set(&mut table, named_by, Some(own_name.into()));
            cameras.push(table);
            cameras.len() - 1
        });
        let table = cameras.get_mut(index).ok_or_else(by_hand)?;
        let mut value = self.value.clone();
        if let ("source", Json::String(text)) = (key, &mut value) {
            let original = table.get(key).and_then(Item::as_str);
            *text =
                unmasked(text, original).map_err(|why| refused(&format!("camera[{index}].source"), why))?;
        }
        set(table, key, written(&name, &value)?);
        Ok(())
    }
}

fn refused(key: &str, text: impl Into<String>) -> SaveError {
    SaveError::Refused(vec![Problem::new(key, text)])
}

/// A TURN server that comes back as it was shown has the password that it had.
fn keep_passwords(servers: &mut Json, known: Option<&Item>) {
    let tables = |item: &Item| -> Vec<Vec<(String, String)>> {
        let texts = |table: &dyn TableLike| {
            let texts =
                table.iter().filter_map(|(key, item)| Some((key.to_owned(), item.as_str()?.to_owned())));
            texts.collect()
        };
        match item {
            Item::ArrayOfTables(all) => all.iter().map(|table| texts(table)).collect(),
            Item::Value(Value::Array(all)) => {
                all.iter().filter_map(Value::as_inline_table).map(|table| texts(table)).collect()
            }
            _ => Vec::new(),
        }
    };
    let known = known.map(tables).unwrap_or_default();
    let of = |server: &[(String, String)], key: &str| {
        server.iter().find(|(name, _)| name == key).map(|(_, text)| text.clone())
    };
    for server in servers.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
        if server.get("password").is_some_and(|password| !password.is_null()) {
            continue;
        }
        let is_it = |known: &&Vec<(String, String)>| {
            ["url", "username"]
                .iter()
                .all(|key| of(known, key).as_deref() == server.get(*key).and_then(Json::as_str))
        };
        match known.iter().find(is_it).and_then(|known| of(known, "password")) {
            Some(password) => drop(server.insert("password".to_owned(), Json::String(password))),
            None => drop(server.remove("password")),
        }
    }
}

/// As the settings file writes it; nothing for what is taken away. Whether it fits is judged with the file.
fn written(key: &str, value: &Json) -> Result<Option<Value>, SaveError> {
    let none_inside = || refused(key, "must not hold null");
    Ok(Some(match value {
        Json::Null => return Ok(None),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(value)) => Value::from(value),
            (None, None) => return Err(refused(key, "is too large a number")),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(all) => {
            let mut array = Array::new();
            for value in all {
                array.push(written(key, value)?.ok_or_else(none_inside)?);
            }
            Value::from(array)
        }
        Json::Object(all) => {
            let mut table = InlineTable::new();
            for (name, value) in all {
                table.insert(name, written(key, value)?.ok_or_else(none_inside)?);
            }
            Value::from(table)
        }
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn changed(text: &str, changes: Json) -> Result<String, SaveError> {
        let mut document: DocumentMut = text.parse().unwrap();
        for change in serde_json::from_value::<Vec<Change>>(changes).unwrap() {
            change.apply(&mut document)?;
        }
        Ok(document.to_string())
    }

    #[test]
    fn keys_are_set_and_taken_away_in_every_way_of_writing_a_section() {
        for text in ["[log]\nlevel = \"info\" # quiet\n", "log.level = \"info\" # quiet\n"] {
            let new = changed(text, json!([{ "key": "log.level", "value": "debug" }])).unwrap();
            assert_eq!(new, text.replace("info", "debug"));
            let new = changed(text, json!([{ "key": "log.level", "value": null }])).unwrap();
            assert!(!new.contains("level"), "{new}");
        }
        let text = "webrtc = { udp_port = 0, bind = ['10.0.0.1'] }\n";
        let changes = json!([{ "key": "webrtc.bind", "value": [] }, { "key": "limits.calls", "value": 3 }]);
        let new = changed(text, changes).unwrap();
        assert_eq!(new, "webrtc = { udp_port = 0, bind = [] }\n\n[limits]\ncalls = 3\n");
        assert_eq!(changed("", json!([{ "key": "ui.token", "value": null }])).unwrap(), "");
    }

    #[test]
    fn a_camera_is_found_by_its_name_there_added_and_taken_away() {
        let text = "# front\n[[camera]]\nid = \"a\"\nsource = \"test:\"\n\n# back\n[[camera]]\nentity = \"camera.b\" # hub\n";
        let changes = json!([
            { "camera": { "entity": "camera.b" }, "key": "name", "value": "Back" },
            { "camera": { "entity": "camera.c" }, "key": "warm", "value": true },
            { "camera": { "id": "a" }, "remove": true },
            { "camera": { "id": "none" }, "remove": true },
            { "camera": { "entity": "camera.b" }, "key": "alexa", "value": false },
        ]);
        let new = changed(text, changes).unwrap();
        let expected = "\n# back\n[[camera]]\nentity = \"camera.b\" # hub\nname = \"Back\"\nalexa = false\n\n\
                        [[camera]]\nentity = \"camera.c\"\nwarm = true\n";
        assert_eq!(new, expected);
    }

    #[test]
    fn what_was_shown_without_its_secret_keeps_it() {
        let text = "[[camera]]\nid = \"a\"\nsource = \"rtsp://u:geheim@cam/1\"\n";
        let source = |value: &str| json!([{ "camera": { "id": "a" }, "key": "source", "value": value }]);
        assert_eq!(changed(text, source("rtsp://u:***@cam/1")).unwrap(), text);
        assert_eq!(changed(text, source("rtsp://u:***@cam/2")).unwrap(), text.replace("/1", "/2"));
        let refused = changed(text, source("rtsp://u:***@evil/1")).unwrap_err();
        assert!(matches!(&refused, SaveError::Refused(all) if all[0].key == "camera[0].source"), "{refused}");
        assert!(!refused.to_string().contains("geheim"));

        for text in [
            "webrtc.turn = [{ url = \"turn:a:1\", username = \"u\", password = \"geheim\" }]\n",
            "[[webrtc.turn]]\nurl = \"turn:a:1\"\nusername = \"u\"\npassword = \"geheim\"\n",
        ] {
            let servers = json!([
                { "url": "turn:a:1", "username": "u" },
                { "url": "turn:b:1", "username": "u" },
                { "url": "turn:a:1", "username": "u", "password": "new" },
            ]);
            let new = changed(text, json!([{ "key": "webrtc.turn", "value": servers }])).unwrap();
            let turn = new.parse::<toml::Table>().unwrap()["webrtc"]["turn"].as_array().unwrap().clone();
            let passwords: Vec<_> =
                turn.iter().map(|server| server.get("password").and_then(|p| p.as_str())).collect();
            assert_eq!(passwords, [Some("geheim"), None, Some("new")]);
        }
    }

    #[test]
    fn a_change_that_makes_no_sense_is_refused_with_its_key() {
        for (bad, key) in [
            (json!({ "key": "log.colour", "value": 1 }), "log.colour"),
            (json!({ "key": "camera[0].name", "value": "x" }), "camera[0].name"),
            (json!({ "key": "log", "value": {} }), "log"),
            (json!({ "key": "webrtc.bind", "value": [null] }), "webrtc.bind"),
            (json!({ "key": "log.level", "remove": true }), ""),
            (json!({ "camera": { "id": "a" }, "key": "id", "value": "b" }), "camera \"a\".id"),
            (json!({ "camera": { "id": "a" } }), "camera \"a\""),
        ] {
            match changed("[[camera]]\nid = \"a\"\n", json!([bad])) {
                Err(SaveError::Refused(all)) => assert_eq!(all[0].key, key),
                other => panic!("{bad}: {other:?}"),
            }
        }
    }
}
