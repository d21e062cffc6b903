import config from './playwright.config.ts';

// Run by `npm run e2e:browsers`, after `cargo xtask wasm --conformance`.
export default { ...config, testMatch: 'browsers.suite.ts' };
