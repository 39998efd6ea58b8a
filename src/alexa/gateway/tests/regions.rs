//! The region finds itself.

use super::*;

#[actix::test]
async fn a_skill_that_is_not_known_here_is_looked_for_in_another_region_and_keeps_its_grant() {
    let mut stage = Stage::granted().await;
    // As after a restart: nobody has asked lately.
    stage.gateway = start(&stage.settings, &stage.state);
    stage.list(&["front_door"]).await;
    stage.double.script(Call::Events, [Step::refuse(403, "SKILL_NEVER_ENABLED_EXCEPTION")]);
    stage.press("front_door").await;
    let status = stage.stands("the trouble", |status| status.trouble.is_some()).await;
    assert!(status.trouble.unwrap().contains("region") && status.link_again.is_none());
    assert!(stage.state.grant().is_some());
    stage.stands("a second question", |_| stage.double.calls(Call::Endpoint).len() == 2).await;
}

#[actix::test]
async fn the_region_is_asked_for_once_and_remembered() {
    let stage = Stage::granted().await;
    for count in 1..=3 {
        stage.press("front_door").await;
        stage.presses(count).await;
    }
    assert_eq!(stage.double.calls(Call::Endpoint).len(), 1);
    assert_eq!(stage.state.grant().unwrap().host.as_deref(), Some(stage.double.events_url().as_str()));
}

#[actix::test]
async fn no_token_goes_to_a_host_that_is_none_of_alexas() {
    let stage = Stage::empty().await;
    let stranger = AlexaDouble::start().await.unwrap();
    stage.double.set_region(&stranger.events_url());
    stage.grant().await.unwrap();
    stage.list(&["front_door"]).await;
    stage.press("front_door").await;
    let status = stage.stands("the trouble", |status| status.trouble.is_some()).await;
    assert!(status.trouble.unwrap().contains("alexa.region") && status.region.is_none());
    assert!(stranger.events().is_empty() && stranger.calls(Call::Events).is_empty());

    stage.double.set_region(&stage.double.events_url());
    assert_eq!(statuses(&stage.presses(1).await), [202], "it is asked again");
}

#[actix::test]
async fn a_question_for_the_region_that_fails_is_asked_again() {
    let stage = Stage::empty().await;
    stage.double.script(Call::Endpoint, [Step::refuse(503, "x"), Step::garbage()]);
    stage.grant().await.unwrap();
    stage.list(&["front_door"]).await;
    stage.press("front_door").await;
    assert_eq!(statuses(&stage.presses(1).await), [202]);
    assert_eq!(stage.double.calls(Call::Endpoint).len(), 3);
}

#[actix::test]
async fn a_region_that_is_set_is_not_asked_for() {
    let mut stage = Stage::empty().await;
    stage.settings.region = config::Region::Eu;
    stage.gateway = start(&stage.settings, &stage.state);
    stage.grant().await.unwrap();
    stage.list(&["front_door"]).await;
    stage.press("front_door").await;
    assert_eq!(statuses(&stage.presses(1).await), [202]);
    assert!(stage.double.calls(Call::Endpoint).is_empty());
}
