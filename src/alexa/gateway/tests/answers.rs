//! Each answer of the event gateway, and what follows.

use super::*;

/// A press that is answered like this first, and properly from then on.
async fn pressed(status: u16, code: &str) -> Stage {
    let stage = Stage::granted().await;
    stage.press("garden").await;
    stage.presses(1).await;
    stage.double.script(Call::Events, [Step::refuse(status, code)]);
    stage.press("front_door").await;
    stage.presses(2).await;
    stage
}

#[actix::test]
async fn a_press_that_alexa_takes_for_wrong_is_never_sent_again() {
    let stage = pressed(400, "INVALID_REQUEST_EXCEPTION").await;
    stage.press("garden").await;
    let presses = stage.presses(3).await;
    assert_eq!(statuses(&presses), [202, 400, 202]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.presses(3).await.len(), 3);
    assert!(stage.status().await.rejected.is_none(), "the next one was taken");
}

#[actix::test]
async fn a_token_that_is_refused_is_renewed_once_and_the_press_sent_once_more() {
    let stage = Stage::granted().await;
    stage.press("garden").await;
    stage.presses(1).await;
    stage.double.forget_access_tokens();
    stage.press("front_door").await;
    let presses = stage.presses(3).await;
    assert_eq!(statuses(&presses), [202, 401, 202]);
    assert_ne!(presses[1].token(), presses[2].token());
    assert_eq!(presses[2].endpoint(), "front_door");
    assert_eq!(stage.double.calls(Call::Token).len(), 2);
    stage.assert_well_formed();
}

#[actix::test]
async fn a_new_token_that_is_refused_too_is_left_alone() {
    let stage = Stage::granted().await;
    stage.double.stand(Call::Events, Step::refuse(401, "INVALID_ACCESS_TOKEN_EXCEPTION"));
    stage.press("front_door").await;
    stage.presses(2).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(stage.double.events().len() <= 3 && stage.double.calls(Call::Token).len() == 2);
    let status = stage.stands("the trouble", |status| status.rejected.is_some()).await;
    assert!(status.linked.is_some() && status.trouble.is_some(), "{status:?}");
}

#[actix::test]
async fn after_the_skill_is_disabled_nothing_is_sent_until_it_is_linked_again() {
    for (status, code) in [
        (403, "SKILL_DISABLED_EXCEPTION"),
        (404, "SKILL_NOT_FOUND_EXCEPTION"),
        (404, "ACCOUNT_NOT_FOUND_EXCEPTION"),
    ] {
        let stage = pressed(status, code).await;
        stage.stands("the hint", |status| status.link_again.is_some() && status.rejected.is_some()).await;
        stage.press("garden").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(stage.presses(2).await.len(), 2, "{code}");
        assert!(stage.state.grant().is_some(), "{code}: the data is kept");
        stage.grant().await.unwrap();
        assert_eq!(stage.presses(3).await[2].status, 202, "{code}");
        stage.stands("an end of it", |status| status.link_again.is_none()).await;
    }
}

#[actix::test]
async fn a_skill_without_the_permission_keeps_its_grant_and_the_user_is_told() {
    let stage = pressed(403, "INSUFFICIENT_PERMISSION_EXCEPTION").await;
    let status = stage.stands("the trouble", |status| status.trouble.is_some()).await;
    assert!(status.trouble.unwrap().contains("Send Alexa Events") && status.link_again.is_none());
    assert!(stage.state.grant().is_some());
}

#[actix::test]
async fn a_gateway_in_trouble_is_tried_again_not_sooner_than_after_a_second() {
    for (status, code) in [
        (429, "THROTTLING_EXCEPTION"),
        (500, "INTERNAL_SERVICE_EXCEPTION"),
        (503, "SERVICE_UNAVAILABLE_EXCEPTION"),
    ] {
        let stage = pressed(status, code).await;
        let presses = stage.presses(3).await;
        assert_eq!(statuses(&presses), [202, status, 202]);
        assert!(presses[2].at - presses[1].at >= Duration::from_millis(900), "{code}");
        stage.assert_well_formed();
    }
}

#[actix::test]
async fn a_gateway_that_hangs_up_gets_the_press_again() {
    let stage = Stage::granted().await;
    stage.double.script(Call::Events, [Step::hang_up()]);
    stage.press("front_door").await;
    assert_eq!(statuses(&stage.presses(1).await), [202]);
    assert_eq!(stage.double.calls(Call::Events).len(), 2);
}

#[actix::test]
async fn a_report_that_is_too_large_is_split_and_what_was_told_is_kept() {
    let stage = Stage::empty().await;
    stage.double.script(Call::Events, [Step::refuse(413, "REQUEST_ENTITY_TOO_LARGE_EXCEPTION")]);
    stage.grant().await.unwrap();
    stage.list(&["front_door", "garden"]).await;
    let reports = |events: &[Arrival]| {
        let reports = events.iter().filter(|event| event.name() == "AddOrUpdateReport");
        let sizes: Vec<(u16, usize)> = reports
            .map(|event| {
                (event.status, event.body["event"]["payload"]["endpoints"].as_array().unwrap().len())
            })
            .collect();
        (sizes.len() == 3).then_some(sizes)
    };
    let sizes = stage.double.wait_for(SOON + SOON, reports).await.expect("three reports");
    assert_eq!(sizes, [(413, 2), (202, 1), (202, 1)]);
    stage.stands("nothing that waits", |status| status.waiting.endpoints == 0).await;
    let reported = stage.state.reported();
    assert!(reported["front_door"].is_string() && reported["garden"].is_string(), "{reported}");
    stage.assert_well_formed();
}

#[actix::test]
async fn a_slow_answer_delays_no_press_at_another_door() {
    let stage = Stage::granted().await;
    stage.press("garden").await;
    stage.presses(1).await;
    stage.double.script(Call::Events, [Step::proper().after(Duration::from_secs(6))]);
    stage.press("front_door").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let pressed = Instant::now();
    stage.press("garden").await;
    let presses = stage.presses(2).await;
    assert_eq!(presses[1].endpoint(), "garden");
    assert!(presses[1].at - pressed < Duration::from_secs(3), "{:?}", presses[1].at - pressed);
    assert_eq!(stage.presses(3).await[2].endpoint(), "front_door");
}
