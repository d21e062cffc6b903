import { Sparkles } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../ui/Button.tsx';
import { useReadable } from './store.ts';
import { update } from './updates.ts';

export function UpdatePrompt() {
  const apply = useReadable(update);
  const [busy, setBusy] = useState(false);
  if (apply === null) return null;
  return (
    <div className="update-prompt" role="status">
      <Sparkles size={18} aria-hidden />
      <p>New version ready</p>
      <Button variant="quiet" onClick={() => update.set(null)}>
        Later
      </Button>
      <Button
        variant="primary"
        busy={busy}
        onClick={() => {
          setBusy(true);
          void apply();
        }}
      >
        Reload
      </Button>
    </div>
  );
}
