import { createStore } from './store.ts';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'erp.theme';
const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };

export const theme = createStore<Theme>(remembered());

/** Puts the remembered choice on the page; called once, before the first paint. */
export function applyTheme(): void {
  const chosen = theme.get();
  if (chosen === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
}

export function cycleTheme(): void {
  const next = NEXT[theme.get()];
  localStorage.setItem(KEY, next);
  theme.set(next);
  applyTheme();
}

function remembered(): Theme {
  const text = localStorage.getItem(KEY);
  return text === 'light' || text === 'dark' ? text : 'system';
}
