import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/states.tsx';

/** Over a form whose record has changed since typing began. */
export function ChangedMeanwhile({ onRelease }: { onRelease: () => void }) {
  return (
    <Notice tone="warn" title="This has changed while you were typing" action={<Button onClick={onRelease}>Show the new version</Button>}>
      Saving keeps what you saw as the basis; you may be asked to choose.
    </Notice>
  );
}
