//! A grant comes, is kept, and is replaced.

use super::*;

#[actix::test]
async fn after_a_grant_a_press_reaches_alexa_and_the_page_says_so() {
    let stage = Stage::empty().await;
    let before = stage.status().await;
    assert!(before.configured && before.linked.is_none() && before.sent.is_empty());
    stage.list(&["front_door"]).await;
    stage.grant().await.unwrap();
    stage.press("front_door").await;
    let pressed = stage.presses(1).await.remove(0);
    assert_eq!((pressed.status, pressed.endpoint()), (202, "front_door"));
    let status = stage.stands("the press", |status| !status.sent.is_empty()).await;
    let sent = &status.sent[0];
    assert_eq!((sent.what, sent.endpoint_id.as_deref()), ("DoorbellPress", Some("front_door")));
    assert_eq!((sent.outcome.as_str(), status.region.as_deref()), ("delivered", Some("127.0.0.1")));
    assert!(status.linked.is_some() && status.link_again.is_none() && status.trouble.is_none());
    stage.assert_well_formed();
}

#[actix::test]
async fn without_a_grant_nothing_is_sent() {
    let stage = Stage::empty().await;
    stage.list(&["front_door"]).await;
    stage.press("front_door").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(stage.double.events().is_empty() && stage.double.calls(Call::Token).is_empty());
}

#[actix::test]
async fn a_code_that_is_no_good_is_refused_with_a_sentence() {
    let stage = Stage::empty().await;
    assert_eq!(stage.grant_with("used".into()).await, Err(GrantError::Code));
    stage.double.script(Call::Token, [Step::refuse(401, "invalid_client")]);
    let wrong_client = stage.grant().await.unwrap_err().to_string();
    assert!(wrong_client.contains("alexa.client_id"), "{wrong_client}");
    stage.double.script(Call::Token, [Step::garbage()]);
    assert_eq!(stage.grant().await, Err(GrantError::Token(TokenError::Senseless)));
    assert!(stage.state.grant().is_none());
}

#[actix::test]
async fn a_token_server_that_stumbles_is_asked_again_and_one_that_hangs_is_given_up_in_time() {
    let stage = Stage::empty().await;
    stage.double.script(Call::Token, [Step::refuse(503, "busy"), Step::hang_up()]);
    assert_eq!(stage.grant().await, Ok(()));
    assert_eq!(stage.double.calls(Call::Token).len(), 3);
    stage.double.script(Call::Token, [Step::hang()]);
    let began = Instant::now();
    assert_eq!(stage.grant().await, Err(GrantError::Late));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[actix::test]
async fn a_second_grant_replaces_the_first() {
    let stage = Stage::granted().await;
    let first = stage.state.grant().unwrap();
    stage.grant().await.unwrap();
    assert!(!stage.state.grant().unwrap().is_same(&first));
    stage.press("front_door").await;
    let token = stage.state.grant().unwrap().access.unwrap().token;
    assert_eq!(stage.presses(1).await[0].token(), token.expose_secret());
}

#[actix::test]
async fn a_grant_whose_user_is_revoked_meanwhile_is_not_kept() {
    let stage = Stage::empty().await;
    assert!(stage.state.link("u1", "Ann"));
    stage.double.script(Call::Token, [Step::proper().after(Duration::from_millis(300))]);
    let code = stage.double.make_code().into();
    let deadline = Instant::now() + Duration::from_secs(3);
    let accepted = stage.gateway.send(AcceptGrant { code, user: Some("u1".into()), deadline });
    let revoked = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(stage.state.revoke("u1"));
    };
    let (accepted, ()) = tokio::join!(accepted, revoked);
    assert_eq!(accepted.unwrap(), Err(GrantError::Revoked));
    assert!(stage.state.grant().is_none());
}

#[actix::test]
async fn a_new_actor_goes_on_with_what_was_saved() {
    let mut stage = Stage::granted().await;
    stage.press("front_door").await;
    stage.presses(1).await;
    assert!(stage.state.flush());
    (stage.state, _) = State::open(stage.folder.path());
    stage.gateway = start(&stage.settings, &stage.state);
    stage.list(&["front_door"]).await;
    stage.press("front_door").await;
    assert_eq!(statuses(&stage.presses(2).await), [202, 202]);
    assert_eq!(stage.double.calls(Call::Token).len(), 1, "the token of before is good");
    assert_eq!(stage.double.calls(Call::Endpoint).len(), 1, "the region of before is known");
}

#[actix::test]
async fn no_secret_is_in_the_status_or_in_what_debuggers_print() {
    let stage = Stage::granted().await;
    stage.press("front_door").await;
    stage.presses(1).await;
    let status = stage.stands("the press", |status| !status.sent.is_empty()).await;
    let grant = stage.state.grant();
    let code = AcceptGrant { code: "canary".to_owned().into(), user: None, deadline: Instant::now() };
    let text = format!("{status:?} {} {grant:?} {code:?}", serde_json::to_string(&status).unwrap());
    assert!(!text.contains("canary") && !text.contains(stage.double.client_secret()), "{text}");
    let tokens = stage.double.tokens();
    assert!(tokens.len() == 2 && tokens.iter().all(|token| !text.contains(token.as_str())), "{text}");
}
