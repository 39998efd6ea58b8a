//! Services of the hub.

use actix::{Handler, ResponseFuture};
use serde_json::{Map, Value};

use super::HubBridge;
use crate::hub::HubError;

/// Ask: call a service of the hub; the answer comes when the service has ended, within 10 s.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<Value, HubError>")]
pub struct CallService {
    /// `button`
    pub domain: String,
    /// `press`
    pub service: String,
    /// `{"entity_id": …}`, or null.
    pub target: Value,
    /// The service's own data, or null.
    pub data: Value,
}

impl Handler<CallService> for HubBridge {
    type Result = ResponseFuture<Result<Value, HubError>>;

    fn handle(&mut self, call: CallService, _: &mut Self::Context) -> Self::Result {
        let mut fields = Map::new();
        fields.insert("domain".into(), call.domain.into());
        fields.insert("service".into(), call.service.into());
        for (key, value) in [("target", call.target), ("service_data", call.data)] {
            if !value.is_null() {
                fields.insert(key.into(), value);
            }
        }
        Box::pin(self.ask("call_service", fields))
    }
}
