import { useSyncExternalStore } from 'react';

const query = window.matchMedia('(max-width: 760px)');

function subscribe(listener: () => void): () => void {
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}

/** Whether the screen is as narrow as a phone's; the same width as in styles/tokens.css. */
export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => query.matches);
}
