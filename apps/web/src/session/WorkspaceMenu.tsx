import { ChevronsUpDown } from 'lucide-react';
import { useLocation } from 'wouter';
import { workspacePath } from '../app/paths.ts';
import { Menu, MenuItem } from '../ui/Menu.tsx';
import { usePartition } from './PartitionContext.tsx';
import type { Session } from './session.ts';

/** Where one works; a choice for those who are members of more than one workspace. */
export function WorkspaceMenu({ session }: { session: Session }) {
  const { workspaceId } = usePartition();
  const [, navigate] = useLocation();
  const name = session.workspaces.find(({ id }) => id === workspaceId)?.name ?? workspaceId;
  const badge = (
    <>
      <span className="workspace-badge" aria-hidden>
        {name.slice(0, 1).toUpperCase()}
      </span>
      <span className="workspace-name">{name}</span>
    </>
  );
  if (session.workspaces.length < 2) return <div className="workspace">{badge}</div>;
  return (
    <Menu
      label={`Workspace ${name}, switch`}
      className="workspace-menu"
      button={
        <>
          {badge}
          <ChevronsUpDown size={15} aria-hidden className="muted" />
        </>
      }
    >
      {session.workspaces.map((workspace) => (
        <MenuItem key={workspace.id} checked={workspace.id === workspaceId} onSelect={() => navigate(`~${workspacePath(workspace.id)}/expenses`)}>
          {workspace.name}
        </MenuItem>
      ))}
    </Menu>
  );
}
