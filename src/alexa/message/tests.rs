//! What is taken, what is refused and how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::alexa::failure::error_response;

fn offer() -> Value {
    json!({ "directive": {
        "header": {
            "namespace": "Alexa.RTCSessionController",
            "name": "InitiateSessionWithOffer",
            "messageId": "d1ba3aa7-bff7-4406-9425-f25f04ec8d68",
            "correlationToken": "token/with+signs==",
            "payloadVersion": "3",
        },
        "endpoint": {
            "scope": { "type": "BearerToken", "token": "users-token" },
            "endpointId": "garden",
            "cookie": { "any": "thing" },
        },
        "payload": { "sessionId": "s1", "offer": { "format": "SDP", "value": "v=0\n" } },
    }})
}

fn parse(body: &Value) -> Directive {
    Directive::parse(body.to_string().as_bytes()).expect("a directive")
}

fn kind_of(body: &Value) -> Option<ErrorKind> {
    parse(body).request.err().map(|fault| fault.kind())
}

/// Replaces the value at a pointer, or takes it away.
fn with(mut body: Value, pointer: &str, value: Option<Value>) -> Value {
    let (holder, field) = pointer.rsplit_once('/').unwrap();
    let holder = body.pointer_mut(holder).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(holder.insert(field.into(), value)),
        None => drop(holder.remove(field)),
    }
    body
}

#[test]
fn an_offer_is_read() {
    let directive = parse(&offer());
    assert_eq!(directive.request, Ok(Request::Offer { session_id: "s1".into(), sdp: "v=0\n".into() }));
    let envelope = directive.envelope;
    assert_eq!(envelope.endpoint_id.as_deref(), Some("garden"));
    assert_eq!(envelope.correlation_token.as_deref(), Some("token/with+signs=="));
    assert_eq!(envelope.token.unwrap().expose_secret(), "users-token");
}

/// A directive of another interface to the same endpoint.
fn to_garden(namespace: &str, name: &str, payload: Value) -> Value {
    let mut body = offer();
    body["directive"]["header"]["namespace"] = json!(namespace);
    body["directive"]["header"]["name"] = json!(name);
    body["directive"]["payload"] = payload;
    body
}

#[test]
fn the_switch_is_turned_on_or_off_and_knows_nothing_else() {
    let power = |name: &str| parse(&to_garden("Alexa.PowerController", name, json!({}))).request;
    assert_eq!(power("TurnOn"), Ok(Request::Power { on: true }));
    assert_eq!(power("TurnOff"), Ok(Request::Power { on: false }));
    assert_eq!(power("Toggle").unwrap_err().kind(), ErrorKind::Malformed);
    let nowhere = with(to_garden("Alexa.PowerController", "TurnOff", json!({})), "/directive/endpoint", None);
    assert_eq!(kind_of(&nowhere), Some(ErrorKind::Malformed));
}

#[test]
fn a_stream_is_asked_for_by_hls_or_not_at_all() {
    let wish = |streams: Value| {
        let payload = json!({ "cameraStreams": streams });
        parse(&to_garden("Alexa.CameraStreamController", "InitializeCameraStreams", payload)).request
    };
    assert_eq!(wish(json!([{ "protocol": "RTSP" }, { "protocol": "HLS" }])), Ok(Request::Stream));
    for streams in [json!([{ "protocol": "RTSP" }]), json!([]), json!("HLS"), json!([7])] {
        assert_eq!(wish(streams).unwrap_err().kind(), ErrorKind::InvalidValue);
    }
    let unknown = to_garden("Alexa.CameraStreamController", "Rewind", json!({}));
    assert_eq!(kind_of(&unknown), Some(ErrorKind::Malformed));
}

#[test]
fn the_token_is_found_wherever_a_directive_carries_it() {
    for (namespace, name, payload, request) in [
        (
            "Alexa.Discovery",
            "Discover",
            json!({ "scope": { "type": "BearerToken", "token": "t" } }),
            Request::Discover,
        ),
        (
            "Alexa.Authorization",
            "AcceptGrant",
            json!({
                "grant": { "type": "OAuth2.AuthorizationCode", "code": "c" },
                "grantee": { "type": "BearerToken", "token": "t" },
            }),
            Request::AcceptGrant(GrantCode("c".to_owned().into())),
        ),
    ] {
        let directive = parse(&json!({ "directive": {
            "header": { "namespace": namespace, "name": name, "messageId": "m", "payloadVersion": "3" },
            "payload": payload,
        }}));
        assert_eq!(directive.request, Ok(request));
        assert_eq!(directive.envelope.token.unwrap().expose_secret(), "t");
    }
}

#[test]
fn the_token_is_in_no_debug_output() {
    assert!(!format!("{:?}", parse(&offer())).contains("users-token"));
}

#[test]
fn what_is_no_directive_is_told_apart_from_one_with_something_wrong() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    for body in [
        &b""[..],
        b"null",
        b"5",
        b"[]",
        b"{}",
        b"{\"directive\":",
        b"{\"directive\":7}",
        b"{\"directive\":null}",
        b"{\"event\":{}}",
        b"\xff\xfe{\"directive\":{}}",
        b"{\"directive\":{\"header\":{\"name\":\"\xc3\x28\"}}}",
        b"{\"directive\":{}} trailing",
        deep(65).as_bytes(),
        deep(30_000).as_bytes(),
        "{\"directive\":".repeat(5_000).as_bytes(),
    ] {
        assert!(Directive::parse(body).is_err(), "{:?}", String::from_utf8_lossy(body));
    }
    assert_eq!(kind_of(&json!({ "directive": {} })), Some(ErrorKind::Malformed));
}

#[test]
fn nesting_up_to_64_is_read_and_brackets_inside_texts_do_not_count() {
    let nested = |levels: usize| {
        let mut value = json!(1);
        for _ in 0..levels {
            value = json!([value]);
        }
        with(offer(), "/directive/endpoint/cookie", Some(value))
    };
    // The cookie itself lies three deep.
    assert!(Directive::parse(nested(61).to_string().as_bytes()).is_ok());
    let refused = Directive::parse(nested(62).to_string().as_bytes());
    assert_eq!(refused.unwrap_err(), Malformed::Depth);
    let quoted =
        with(offer(), "/directive/endpoint/cookie", Some(json!(format!("\"\\{}", "[{".repeat(100)))));
    assert_eq!(kind_of(&quoted), None);
}

#[test]
fn a_field_that_is_missing_or_of_another_type_is_refused_by_its_place() {
    let envelope = [
        "/directive/header",
        "/directive/header/namespace",
        "/directive/header/name",
        "/directive/header/messageId",
        "/directive/header/payloadVersion",
        "/directive/endpoint",
        "/directive/endpoint/endpointId",
        "/directive/endpoint/scope",
        "/directive/endpoint/scope/type",
        "/directive/endpoint/scope/token",
        "/directive/payload",
    ];
    let payload = [
        "/directive/payload/sessionId",
        "/directive/payload/offer",
        "/directive/payload/offer/format",
        "/directive/payload/offer/value",
    ];
    let wrong =
        [None, Some(json!(null)), Some(json!(7)), Some(json!(true)), Some(json!([])), Some(json!(""))];
    for (pointers, kind) in [(&envelope[..], ErrorKind::Malformed), (&payload[..], ErrorKind::InvalidValue)] {
        for pointer in pointers {
            for value in &wrong {
                let body = with(offer(), pointer, value.clone());
                assert_eq!(kind_of(&body), Some(kind), "{pointer} = {value:?}");
            }
        }
    }
}

#[test]
fn names_and_versions_that_are_not_understood_are_refused() {
    for (pointer, value) in [
        ("/directive/header/payloadVersion", "2"),
        ("/directive/header/payloadVersion", "3.0"),
        ("/directive/header/namespace", "alexa.rtcsessioncontroller"),
        ("/directive/header/namespace", "Alexa.PowerController"),
        ("/directive/header/name", "InitiateOfferWithSession"),
        ("/directive/header/name", "AnswerGeneratedForSession"),
        ("/directive/endpoint/scope/type", "BearerTokenWithPartition"),
    ] {
        let body = with(offer(), pointer, Some(json!(value)));
        assert_eq!(kind_of(&body), Some(ErrorKind::Malformed), "{pointer} = {value}");
    }
    assert_eq!(
        kind_of(&with(offer(), "/directive/header/payloadVersion", Some(json!(3)))),
        Some(ErrorKind::Malformed)
    );
}

#[test]
fn an_offer_of_32_kib_is_taken_and_one_byte_more_is_not() {
    let sized = |size| with(offer(), "/directive/payload/offer/value", Some(json!("v".repeat(size))));
    assert_eq!(kind_of(&sized(32 * 1024)), None);
    assert_eq!(kind_of(&sized(32 * 1024 + 1)), Some(ErrorKind::InvalidValue));
}

#[test]
fn fields_that_nobody_asked_for_do_no_harm() {
    let body = with(offer(), "/directive/header/instance", Some(json!("x")));
    let body = with(body, "/directive/payload/sessionDomain", Some(json!({ "a": [1] })));
    assert_eq!(kind_of(&with(body, "/directive/header/correlationToken", None)), None);
}

/// Every place in a value, as pointers.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    if let Some(object) = value.as_object() {
        for (field, inner) in object {
            let pointer = format!("{at}/{field}");
            into.push(pointer.clone());
            pointers(inner, &pointer, into);
        }
    }
}

fn any_json() -> impl Strategy<Value = Option<Value>> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        "\\PC{0,40}".prop_map(|t| json!(t)),
    ];
    let nested = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::hash_map("[a-zA-Z]{1,12}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop_oneof![1 => Just(None), 4 => nested.prop_map(Some)]
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _parsed = Directive::parse(&bytes);
    }

    #[test]
    fn no_cut_or_flipped_directive_makes_the_parser_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
    ) {
        let mut body = offer().to_string().into_bytes();
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body.truncate(end.index(body.len() + 1));
        let _parsed = Directive::parse(&body);
    }

    #[test]
    fn whatever_is_wrong_a_correlation_token_that_can_be_read_is_echoed(
        place in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut places = Vec::new();
        pointers(&offer(), "", &mut places);
        let body = with(offer(), &places[place.index(places.len())], value);
        let token = body.pointer("/directive/header/correlationToken").and_then(Value::as_str);
        match Directive::parse(body.to_string().as_bytes()) {
            Err(_) => prop_assert!(body.get("directive").is_none_or(|directive| !directive.is_object())),
            Ok(directive) => {
                let event = error_response(&directive.envelope, ErrorKind::Malformed, "why");
                let echoed = event.pointer("/event/header/correlationToken").and_then(Value::as_str);
                prop_assert_eq!(echoed, token);
                prop_assert!(!event.to_string().contains("users-token"));
            }
        }
    }
}
