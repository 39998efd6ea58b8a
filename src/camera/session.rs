//! One camera that is in use: an actor.

/// Owns a camera's calls, feed and speaker. At most one per camera, owned by the Registry.
pub struct CameraSession {}

impl actix::Actor for CameraSession {
    type Context = actix::Context<Self>;
}
