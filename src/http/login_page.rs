//! What people see who are not served: the login, or why not. Works without scripts.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, REFERRER_POLICY, VARY};
use actix_web::{HttpRequest, HttpResponse};

use super::words::Words;

/// The form that asks for `ui.token`. `fault`: key of what was wrong with the one before. `root`: from
/// where the browser is to where the pages are; addresses are relative, like everywhere.
pub(super) fn form(
    request: &HttpRequest,
    status: StatusCode,
    fault: Option<&str>,
    root: &str,
) -> HttpResponse {
    let words = Words::of(request);
    let say = |key| words.html(key);
    let (invalid, fault) = match fault {
        Some(key) => (
            " aria-invalid=\"true\" aria-describedby=\"fault\"",
            format!("<p class=\"error\" id=\"fault\" role=\"alert\">{}</p>", say(key)),
        ),
        None => ("", String::new()),
    };
    let form = format!(
        "<form class=\"card\" method=\"post\" action=\"{root}api/v1/login\"><p class=\"soft hint\">{hint}</p>\
         <div class=\"field\"><label for=\"token\">{token}</label><input type=\"password\" id=\"token\" name=\"token\" \
         autocomplete=\"current-password\" required autofocus{invalid}>{fault}</div>\
         <button class=\"primary\">{log_in}</button></form>",
        hint = say("login.hint"),
        token = say("login.token"),
        log_in = say("login.log_in"),
    );
    page(status, &words, &form, root)
}

/// A sentence.
pub(super) fn notice(status: StatusCode, words: &Words, key: &str) -> HttpResponse {
    page(status, words, &format!("<p class=\"card\">{}</p>", words.html(key)), "")
}

fn page(status: StatusCode, words: &Words, content: &str, root: &str) -> HttpResponse {
    let body = format!(
        "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Doorstep</title>\
         <link rel=\"icon\" href=\"{root}icon.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"{root}app.css\"><link rel=\"stylesheet\" href=\"{root}css/login.css\"></head>\
         <body class=\"outside\"><main><h1>Doorstep</h1>{content}</main></body></html>\n",
        language = words.language(),
    );
    HttpResponse::build(status)
        .insert_header((VARY, "Accept, Accept-Language"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // With none at all browsers hide the origin of a form, too, and it would look like another site's.
        .insert_header((REFERRER_POLICY, "same-origin"))
        .content_type("text/html; charset=utf-8")
        .body(body)
}
