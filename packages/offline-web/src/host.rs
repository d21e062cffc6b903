use wasm_bindgen::{JsValue, prelude::*};

use crate::task::Answer;

#[wasm_bindgen]
extern "C" {
    /// What the engine needs of the page: `EngineHost` in `ts/types.ts`.
    pub type EngineHost;

    #[wasm_bindgen(method, catch, js_name = token)]
    fn ask_token(this: &EngineHost) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = onEvent)]
    fn on_event_raw(this: &EngineHost, event: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = onState)]
    fn on_state_raw(this: &EngineHost, state: &str) -> Result<(), JsValue>;

    /// A promise that is rejected, for nobody.
    #[wasm_bindgen(js_namespace = Promise)]
    fn reject(reason: &JsValue);
}

impl EngineHost {
    /// The token of who is signed in, if anybody is; nothing when the page cannot tell now.
    pub(crate) async fn token(&self) -> Option<Option<String>> {
        let told = Answer::of(&self.ask_token().ok()?).await;
        (!told.is_undefined()).then(|| told.as_string())
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
        reject(&thrown);
    }
}
