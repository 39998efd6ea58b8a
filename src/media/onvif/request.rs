//! What a camera is asked, as SOAP 1.2.

use std::borrow::Cow;

/// Namespace of the device service.
pub const DEVICE: &str = "http://www.onvif.org/ver10/device/wsdl";
/// Namespace of the media service.
pub const MEDIA_1: &str = "http://www.onvif.org/ver10/media/wsdl";
/// Namespace of the newer media service, which knows H.265.
pub const MEDIA_2: &str = "http://www.onvif.org/ver20/media/wsdl";

/// Which of the two media services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediaVersion {
    /// `ver10`, Profile S.
    One,
    /// `ver20`, Profile T.
    Two,
}

impl MediaVersion {
    /// Its namespace.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::One => MEDIA_1,
            Self::Two => MEDIA_2,
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    SystemDateAndTime,
    Services,
    /// Of the media service.
    Capabilities,
    Profiles(MediaVersion),
    /// Of the profile with this token.
    StreamUri(MediaVersion, &'a str),
    /// For the profile with this token: key pictures now.
    SynchronizationPoint(MediaVersion, &'a str),
}

impl Request<'_> {
    /// Anybody may ask that (ONVIF Core, access class `PRE_AUTH`).
    pub fn is_open(self) -> bool {
        matches!(self, Self::SystemDateAndTime | Self::Services | Self::Capabilities)
    }

    /// The SOAP action.
    pub fn action(self) -> String {
        format!("{}/{}", self.namespace(), self.name())
    }

    /// The whole message, with this SOAP header.
    pub fn envelope(self, header: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>{header}</s:Header><s:Body><q:{name} xmlns:q="{namespace}">{content}</q:{name}></s:Body></s:Envelope>"#,
            name = self.name(),
            namespace = self.namespace(),
            content = self.content(),
        )
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::SystemDateAndTime | Self::Services | Self::Capabilities => DEVICE,
            Self::Profiles(version)
            | Self::StreamUri(version, _)
            | Self::SynchronizationPoint(version, _) => version.namespace(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SystemDateAndTime => "GetSystemDateAndTime",
            Self::Services => "GetServices",
            Self::Capabilities => "GetCapabilities",
            Self::Profiles(_) => "GetProfiles",
            Self::StreamUri(..) => "GetStreamUri",
            Self::SynchronizationPoint(..) => "SetSynchronizationPoint",
        }
    }

    fn content(self) -> String {
        let profile = |token| format!("<q:ProfileToken>{}</q:ProfileToken>", escape(token));
        match self {
            Self::SystemDateAndTime | Self::Profiles(_) => String::new(),
            Self::Services => "<q:IncludeCapability>false</q:IncludeCapability>".to_owned(),
            Self::Capabilities => "<q:Category>Media</q:Category>".to_owned(),
            Self::StreamUri(MediaVersion::One, token) => {
                let setup = r#"<q:StreamSetup xmlns:t="http://www.onvif.org/ver10/schema"><t:Stream>RTP-Unicast</t:Stream><t:Transport><t:Protocol>RTSP</t:Protocol></t:Transport></q:StreamSetup>"#;
                setup.to_owned() + &profile(token)
            }
            Self::StreamUri(MediaVersion::Two, token) => {
                "<q:Protocol>RTSP</q:Protocol>".to_owned() + &profile(token)
            }
            Self::SynchronizationPoint(_, token) => profile(token),
        }
    }
}

/// Text between tags.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into()
}
