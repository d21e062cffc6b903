use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::*};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// What the engine needs of the page: `EngineHost` in `ts/types.ts`.
    pub type EngineHost;

    #[wasm_bindgen(method, catch, js_name = token)]
    fn ask_token(this: &EngineHost) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = onEvent)]
    fn on_event_raw(this: &EngineHost, event: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = onState)]
    fn on_state_raw(this: &EngineHost, state: &str) -> Result<(), JsValue>;
}

impl EngineHost {
    /// The token of who is signed in; `Err` when the page cannot tell now.
    pub(crate) async fn token(&self) -> Result<Option<String>, JsValue> {
        Ok(JsFuture::from(self.ask_token()?).await?.as_string())
    }

    /// Tells the page an event, as JSON.
    pub(crate) fn on_event(&self, event: &str) {
        report(self.on_event_raw(event));
    }

    /// Tells the page how something stands, as JSON.
    pub(crate) fn on_state(&self, state: &str) {
        report(self.on_state_raw(state));
    }
}

/// The page's listener failed: that is the page's affair, so it goes where the page's uncaught errors go.
fn report(result: Result<(), JsValue>) {
    if let Err(thrown) = result {
        let _unhandled = js_sys::Promise::reject(&thrown);
    }
}
