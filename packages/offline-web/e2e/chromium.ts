import { type BrowserContext, chromium } from '@playwright/test';

/** Without most of these, a Chromium without a way to the internet waits for hosts that no test needs. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a browser process on a profile; what is in it survives the browser. `CHROMIUM` names another binary. */
export function launch(profile: string): Promise<BrowserContext> {
  const executablePath = process.env['CHROMIUM'] || '/usr/bin/chromium';
  return chromium.launchPersistentContext(profile, { executablePath, args: ARGS, headless: true });
}
