import { Compass } from 'lucide-react';
import { Link } from 'wouter';
import { EmptyState } from '../ui/states.tsx';

export function NotFound() {
  return (
    <EmptyState
      icon={Compass}
      title="There is no such page"
      action={
        <Link className="button button-primary" href="/expenses">
          Go to expenses
        </Link>
      }
    />
  );
}
