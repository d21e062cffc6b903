use wasm_bindgen::{JsValue, prelude::*};

use crate::task::Answer;

#[wasm_bindgen]
extern "C" {
    /// What the engine needs of the page: `EngineHost` in `ts/types.ts`.
    pub type EngineHost;
}

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    fn token(host: &EngineHost) -> JsValue;

    fn hears(host: &EngineHost) -> bool;

    fn tell(host: &EngineHost, is_event: bool, text: &str);
}

impl EngineHost {
    /// The token of who is signed in, if anybody is; nothing when the page cannot tell now.
    pub(crate) async fn token(&self) -> Option<Option<String>> {
        let told = Answer::of(&token(self)).await;
        (!told.is_undefined()).then(|| told.as_string())
    }

    /// Whether it listens to events.
    pub(crate) fn hears(&self) -> bool {
        hears(self)
    }

    /// Tells the page an event, as JSON.
    pub(crate) fn on_event(&self, event: &str) {
        tell(self, true, event);
    }

    /// Tells the page how something stands, as JSON.
    pub(crate) fn on_state(&self, state: &str) {
        tell(self, false, state);
    }
}
