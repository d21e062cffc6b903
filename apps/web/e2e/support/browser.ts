import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { BrowserContext } from '@playwright/test';

import { launch } from '../../../../packages/offline-web/e2e/chromium.ts';

/** A browser on a profile that outlives it, as a person's does. */
export interface Device {
  /** Starts a browser process on the profile. */
  open(): Promise<BrowserContext>;
  /** Ends every browser process of this device and deletes the profile. */
  dispose(): Promise<void>;
}

export function device(): Device {
  const profile = mkdtempSync(join(tmpdir(), 'erp-profile-'));
  const contexts: BrowserContext[] = [];
  return {
    async open() {
      const context = await launch(profile);
      contexts.push(context);
      return context;
    },
    async dispose() {
      await Promise.all(contexts.map((context) => context.close()));
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
