use offline_core::Engine;
use wasm_bindgen::prelude::Closure;

use crate::browser::Running;

/// The Web Lock of a partition, held or waited for; dropping it gives it back. The browser gives it to the next tab when this one ends,
/// however it ends.
pub(crate) struct Leadership {
    _lock: Running,
    _granted: Closure<dyn Fn()>,
}

impl Leadership {
    /// Asks for the lock, and promotes the engine when it is there.
    pub(crate) fn seek(name: &str, engine: Engine) -> Self {
        let granted = Closure::<dyn Fn()>::new(move || engine.promote());
        Self { _lock: Running::lock(name, &granted), _granted: granted }
    }
}
