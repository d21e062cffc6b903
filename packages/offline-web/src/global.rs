use std::cell::RefCell;

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue, prelude::*};

/// Random bytes that are fetched at a time; each is used once.
const POOL: u32 = 1024;

thread_local! {
    static RANDOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[wasm_bindgen]
extern "C" {
    /// What the global object of a page or worker has. Some of it is missing in some browsers or on insecure pages.
    pub(crate) type Global;

    #[wasm_bindgen(method, getter)]
    fn navigator(this: &Global) -> Option<Navigator>;

    #[wasm_bindgen(method, getter)]
    fn performance(this: &Global) -> Performance;

    #[wasm_bindgen(method, getter)]
    fn crypto(this: &Global) -> Crypto;

    /// The browser.
    pub(crate) type Navigator;

    #[wasm_bindgen(method, getter, js_name = onLine)]
    pub(crate) fn on_line(this: &Navigator) -> Option<bool>;

    type Performance;

    #[wasm_bindgen(method)]
    fn now(this: &Performance) -> f64;

    type Crypto;

    #[wasm_bindgen(method, js_name = getRandomValues)]
    fn get_random_values(this: &Crypto, into: &Uint8Array) -> JsValue;
}

impl Global {
    /// The global object.
    pub(crate) fn get() -> Self {
        js_sys::global().unchecked_into()
    }

    /// The browser, where there is one.
    pub(crate) fn browser() -> Option<Navigator> {
        Self::get().navigator()
    }

    /// Milliseconds on a clock that does not jump.
    pub(crate) fn monotonic_millis() -> f64 {
        Self::get().performance().now()
    }

    /// Random bytes from the browser's cryptographic source. It is asked for many at a time, for each question costs as much as an id.
    pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
        RANDOM.with_borrow_mut(|pool| {
            if pool.len() < N {
                let view = Uint8Array::new_with_length(POOL);
                Self::get().crypto().get_random_values(&view);
                *pool = view.to_vec();
            }
            let mut bytes = [0; N];
            bytes.copy_from_slice(&pool.split_off(pool.len() - N));
            bytes
        })
    }
}
