use super::*;

fn ids(stage: &Stage) -> Vec<String> {
    stage.outbox.reported().ids().cloned().collect()
}

fn many(count: usize) -> Vec<Endpoint> {
    (0..count).map(|i| bell(&format!("cam{i:03}"))).collect()
}

fn told(parcel: &Parcel) -> usize {
    parcel.body("token")["event"]["payload"]["endpoints"].as_array().unwrap().len()
}

#[test]
fn a_list_is_told_when_it_was_left_alone_for_ten_seconds() {
    let mut stage = Stage::new(Reported::default());
    stage.report(&[bell("front")]);
    stage.pass(9.0);
    stage.report(&[bell("front"), bell("back")]);
    stage.pass(9.9);
    // The same again is no change.
    stage.report(&[bell("front"), bell("back")]);
    assert!(stage.sent().is_empty());
    stage.sleep();
    let parcel = stage.one();
    assert_eq!((parcel.what(), told(&parcel)), ("AddOrUpdateReport", 2));
    assert!((stage.at() - 19.0).abs() < 0.001);
}

#[test]
fn a_list_that_never_rests_is_told_once_a_minute() {
    let mut stage = Stage::new(Reported::default());
    let mut front = bell("front");
    let mut log = Vec::new();
    for second in 0..130 {
        front.description.version = second.to_string();
        stage.report(std::slice::from_ref(&front));
        log.extend(stage.live(f64::from(second) + 1.0, Outcome::Delivered));
    }
    log.retain(|(_, what)| *what == "AddOrUpdateReport");
    assert_eq!(log.len(), 2, "{log:?}");
}

#[test]
fn an_endpoint_is_known_only_after_its_report_was_taken_and_until_its_deletion_was() {
    let mut stage = Stage::new(Reported::default());
    stage.report(&[bell("front")]);
    stage.pass(10.0);
    stage.meets(Outcome::Unreachable);
    assert!(ids(&stage).is_empty());
    stage.sleep();
    stage.meets(Outcome::Delivered);
    assert_eq!(ids(&stage), ["front"]);
    stage.deliver();
    stage.report(&[]);
    stage.pass(10.0);
    stage.meets(Outcome::ServerTrouble);
    assert_eq!(ids(&stage), ["front"]);
    stage.sleep();
    assert_eq!(stage.meets(Outcome::Delivered).what(), "DeleteReport");
    assert!(ids(&stage).is_empty());
    assert!(stage.alexa.endpoints.is_empty());
}

#[test]
fn the_first_list_after_a_start_deletes_nothing_and_the_second_only_if_it_holds() {
    let known = Stage::settled(&many(5)).outbox.reported().clone();
    let mut stage = Stage::new(known);
    stage.report(&[]);
    assert!(stage.live(3600.0, Outcome::Delivered).is_empty());
    // The hub is still half asleep, and then it is not.
    stage.report(&many(1));
    stage.live(stage.at() + 9.0, Outcome::Delivered);
    stage.report(&many(4));
    assert!(
        !stage.live(stage.at() + 9.0, Outcome::Delivered).iter().any(|(_, what)| *what == "DeleteReport")
    );
    stage.live(stage.at() + 2.0, Outcome::Delivered);
    assert_eq!(ids(&stage), ["cam000", "cam001", "cam002", "cam003"]);
}

#[test]
fn an_absence_that_ends_while_the_list_is_restless_deletes_nothing() {
    let mut stage = Stage::settled(&many(2));
    for second in 0..120_u32 {
        let mut list = many(2);
        list[0].description.version = second.to_string();
        // The second is away for nine seconds out of ten.
        list.truncate(if second.is_multiple_of(10) { 2 } else { 1 });
        stage.report(&list);
        let log = stage.live(11.0 + f64::from(second), Outcome::Delivered);
        assert!(!log.iter().any(|(_, what)| *what == "DeleteReport"), "{log:?}");
    }
}

#[test]
fn what_alexa_was_told_is_not_told_again_after_a_restart_but_a_new_description_is() {
    let known = Stage::settled(&many(2)).outbox.reported().clone();
    let saved = serde_json::to_string(&known).unwrap();
    let mut stage = Stage::new(serde_json::from_str(&saved).unwrap());
    let mut list = many(2);
    list[1].description.name = "Garden".into();
    stage.report(&list);
    let reports: Vec<Parcel> = {
        stage.deliver();
        stage.pass(10.0);
        stage.deliver()
    };
    assert_eq!(reports.iter().map(Parcel::endpoint_id).collect::<Vec<_>>(), [Some("cam001"), Some("cam001")]);
    assert_eq!(whats(&reports), ["AddOrUpdateReport", "ChangeReport"]);
    assert_eq!(stage.alexa.endpoints["cam001"]["friendlyName"], "Garden");
}

#[test]
fn no_more_than_300_endpoints_and_256_kb_are_told_at_once() {
    let mut stage = Stage::new(Reported::default());
    let mut long = many(320);
    for endpoint in &mut long {
        endpoint.description.manufacturer = "\u{1f514}".repeat(256);
        endpoint.description.model = "\u{1f514}".repeat(256);
    }
    stage.report(&long);
    stage.pass(10.0);
    let token = "t".repeat(2048);
    let mut all = 0;
    while stage.outbox.reported().ids().count() < 300 {
        let parcels = stage.deliver();
        let adds: Vec<&Parcel> = parcels.iter().filter(|p| p.what() == "AddOrUpdateReport").collect();
        assert!(adds.len() > 2);
        for parcel in adds {
            assert!(parcel.body(&token).to_string().len() <= 256 * 1024);
            all += told(parcel);
        }
    }
    assert_eq!(all, 300);
    assert_eq!(stage.alexa.endpoints.len(), 300);
}

#[test]
fn a_report_that_is_too_large_is_split_and_an_endpoint_that_is_too_large_alone_is_given_up() {
    let mut stage = Stage::new(Reported::default());
    stage.report(&many(8));
    stage.pass(10.0);
    // Alexa takes two at once, and cam005 not at all.
    let mut sizes = Vec::new();
    while let Next::Send(parcel) = stage.outbox.next(stage.now.instant) {
        let body = parcel.body("token").to_string();
        let add = parcel.what() == "AddOrUpdateReport";
        let too_large = add && (told(&parcel) > 2 || body.contains("cam005"));
        if add {
            sizes.push(told(&parcel));
        }
        stage.settle(&parcel, if too_large { Outcome::TooLarge } else { Outcome::Delivered });
    }
    assert_eq!(sizes, [8, 4, 2, 2, 4, 2, 1, 1, 2]);
    assert_eq!(stage.alexa.endpoints.len(), 7);
    let lost = stage.outbox.dropped();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].endpoint_id.as_deref(), lost[0].why), (Some("cam005"), Why::TooLarge));
    assert!(stage.live(3600.0, Outcome::Delivered).is_empty());
}

#[test]
fn an_endpoint_that_alexa_takes_for_wrong_keeps_no_other_from_it() {
    let mut stage = Stage::new(Reported::default());
    stage.report(&many(8));
    stage.pass(10.0);
    while let Next::Send(parcel) = stage.outbox.next(stage.now.instant) {
        let body = parcel.body("token").to_string();
        let is_wrong = parcel.what() == "AddOrUpdateReport" && body.contains("cam005");
        stage.settle(&parcel, if is_wrong { Outcome::Refused } else { Outcome::Delivered });
    }
    assert_eq!(stage.alexa.endpoints.len(), 7);
    let lost = stage.outbox.dropped();
    assert_eq!((lost[0].endpoint_id.as_deref(), lost[0].why), (Some("cam005"), Why::Refused));
    assert!(stage.live(3600.0, Outcome::Delivered).is_empty(), "never again");
}

#[test]
fn a_deletion_that_is_too_large_is_split_too() {
    let mut stage = Stage::settled(&many(4));
    stage.report(&[]);
    stage.pass(10.0);
    assert_eq!(told(&stage.meets(Outcome::TooLarge)), 4);
    assert_eq!(told(&stage.meets(Outcome::Delivered)), 2);
    assert_eq!(told(&stage.meets(Outcome::Delivered)), 2);
    assert!(stage.alexa.endpoints.is_empty());
}

#[test]
fn a_description_that_alexa_takes_for_wrong_is_told_again_only_when_it_is_another() {
    let mut stage = Stage::new(Reported::default());
    let mut front = bell("front");
    stage.report(std::slice::from_ref(&front));
    stage.pass(10.0);
    stage.meets(Outcome::Refused);
    assert_eq!(stage.outbox.dropped()[0].why, Why::Refused);
    let log = stage.live(3600.0, Outcome::Delivered);
    assert!(!log.iter().any(|(_, what)| *what == "AddOrUpdateReport"), "{log:?}");
    // Not in the company of another either.
    stage.report(&[front.clone(), bell("back")]);
    stage.live(3700.0, Outcome::Delivered);
    assert_eq!(ids(&stage), ["back"]);
    front.description.name = "Porch".into();
    stage.report(&[front, bell("back")]);
    stage.live(3800.0, Outcome::Delivered);
    assert_eq!(ids(&stage), ["back", "front"]);
}

#[test]
fn how_an_endpoint_stands_is_told_after_the_endpoint_itself() {
    let mut stage = Stage::new(Reported::default());
    stage.report(&[moving("front", true)]);
    assert!(stage.sent().is_empty());
    stage.pass(10.0);
    assert_eq!(stage.meets(Outcome::Delivered).what(), "AddOrUpdateReport");
    assert_eq!(stage.one().what(), "ChangeReport");
}

#[test]
fn a_camera_that_returns_while_its_deletion_is_under_way_is_told_anew() {
    let mut stage = Stage::settled(&many(1));
    stage.report(&[]);
    stage.pass(10.0);
    let delete = stage.one();
    stage.report(&many(1));
    stage.settle(&delete, Outcome::Delivered);
    stage.live(60.0, Outcome::Delivered);
    assert_eq!(stage.alexa.endpoints.len(), 1);
    assert_eq!(ids(&stage), ["cam000"]);
}

#[test]
fn a_camera_that_goes_while_it_is_being_added_is_deleted() {
    let mut stage = Stage::settled(&many(1));
    stage.report(&many(2));
    stage.pass(10.0);
    let add = stage.one();
    stage.report(&many(1));
    stage.settle(&add, Outcome::Delivered);
    stage.live(60.0, Outcome::Delivered);
    assert_eq!(stage.alexa.endpoints.len(), 1);
}
