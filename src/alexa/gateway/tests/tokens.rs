//! Tokens are renewed, whatever the token server does.

use super::*;

#[actix::test]
async fn a_token_is_renewed_ahead_of_its_end_and_the_new_refresh_token_is_kept() {
    let stage = Stage::empty().await;
    stage.double.set_expires_in(Duration::from_secs(10));
    stage.grant().await.unwrap();
    stage.list(&["front_door"]).await;
    let first = stage.state.grant().unwrap();
    stage.stands("a refresh", |_| stage.double.calls(Call::Token).len() == 2).await;
    let calls = stage.double.calls(Call::Token);
    assert!((4..9).contains(&(calls[1] - calls[0]).as_secs()), "{:?}", calls[1] - calls[0]);
    let until = Instant::now() + SOON;
    while stage.state.grant().unwrap().is_same(&first) {
        assert!(Instant::now() < until, "the new refresh token is kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.press("front_door").await;
    assert_eq!(statuses(&stage.presses(1).await), [202]);
}

#[actix::test]
async fn a_press_waits_for_a_token_server_in_trouble() {
    let stage = Stage::granted().await;
    stage.double.forget_access_tokens();
    stage.double.script(Call::Token, [Step::refuse(503, "busy"), Step::garbage(), Step::hang_up()]);
    stage.press("front_door").await;
    assert_eq!(statuses(&stage.presses(2).await), [401, 202]);
    assert_eq!(stage.double.calls(Call::Token).len(), 5, "the grant, three failures, and a token");
    let status = stage.stands("an end of the trouble", |status| status.rejected.is_none()).await;
    assert_eq!(status.trouble, None);
}

#[actix::test]
async fn a_refresh_that_is_refused_for_good_asks_for_a_new_link_and_keeps_the_data() {
    for (status, error) in [(400, "invalid_grant"), (401, "invalid_client"), (400, "unauthorized_client")] {
        let stage = Stage::granted().await;
        stage.double.forget_access_tokens();
        stage.double.stand(Call::Token, Step::refuse(status, error));
        stage.press("front_door").await;
        stage.stands("the hint", |status| status.link_again.is_some()).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(stage.double.calls(Call::Token).len(), 2, "{error}: one try");
        let grant = stage.state.grant().unwrap();
        assert!(grant.link_again.is_some() && !grant.refresh_token.expose_secret().is_empty());

        stage.double.stand(Call::Token, Step::proper());
        stage.grant().await.unwrap();
        let status = stage.status().await;
        assert_eq!((status.link_again, status.trouble), (None, None), "{error}");
        assert_eq!(statuses(&stage.presses(2).await), [401, 202], "{error}: the press waited");
    }
}

#[actix::test]
async fn one_refresh_is_enough_for_all_that_waits() {
    let stage = Stage::granted().await;
    stage.double.forget_access_tokens();
    stage.double.script(Call::Token, [Step::proper().after(Duration::from_millis(500))]);
    for _ in 0..10 {
        stage.press("front_door").await;
        stage.press("garden").await;
    }
    stage
        .stands("all presses", |status| {
            status
                .sent
                .iter()
                .filter(|sent| sent.outcome == "delivered" && sent.what == "DoorbellPress")
                .count()
                == 20
        })
        .await;
    assert_eq!(stage.double.calls(Call::Token).len(), 2);
}
