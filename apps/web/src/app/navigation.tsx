import { FileText, Keyboard, LogOut, Monitor, Moon, Receipt, RefreshCw, Sun, type LucideIcon } from 'lucide-react';
import { useConnectivity, useSyncStatus } from 'offline-react';
import { Link, useRoute } from 'wouter';
import type { Session } from '../session/session.ts';
import { WorkspaceMenu } from '../session/WorkspaceMenu.tsx';
import { unsynced, VERDICTS } from '../sync/describe.ts';
import { Logo } from '../ui/Logo.tsx';
import { Menu, MenuItem } from '../ui/Menu.tsx';
import { useReadable } from './store.ts';
import { cycleTheme, theme } from './theme.ts';

interface FrameProps {
  session: Session;
  onSignOut: () => void;
  onShortcuts: () => void;
}

export function Sidebar({ session, onSignOut, onShortcuts }: FrameProps) {
  return (
    <aside className="sidebar">
      <div className="sidebar-top">
        <Logo />
        <WorkspaceMenu session={session} />
      </div>
      <nav aria-label="Pages">
        <NavLinks />
      </nav>
      <div className="sidebar-bottom">
        <ConnectivityPill />
        <div className="sidebar-user">
          <UserMenu session={session} onSignOut={onSignOut} onShortcuts={onShortcuts} direction="up" />
          <ThemeButton />
        </div>
      </div>
    </aside>
  );
}

export function TopBar({ session, onSignOut, onShortcuts }: FrameProps) {
  return (
    <header className="topbar">
      <WorkspaceMenu session={session} />
      <div className="topbar-end">
        <ConnectivityPill />
        <UserMenu session={session} onSignOut={onSignOut} onShortcuts={onShortcuts} direction="down" />
      </div>
    </header>
  );
}

export function TabBar() {
  return (
    <nav className="tabbar" aria-label="Pages">
      <NavLinks />
    </nav>
  );
}

function NavLinks() {
  const { counts } = useSyncStatus();
  const waiting = unsynced(counts);
  const needsYou = counts.failed + counts.conflict > 0;
  return (
    <>
      <NavLink href="/expenses" icon={Receipt} label="Expenses" />
      <NavLink href="/invoices" icon={FileText} label="Invoices" />
      <NavLink href="/sync" icon={RefreshCw} label="Sync" count={waiting} alert={needsYou} />
    </>
  );
}

interface NavLinkProps {
  href: string;
  icon: LucideIcon;
  label: string;
  count?: number;
  alert?: boolean;
}

function NavLink({ href, icon: Icon, label, count = 0, alert = false }: NavLinkProps) {
  const [active] = useRoute(`${href}/*?`);
  return (
    <Link href={href} className="nav-link" aria-current={active ? 'page' : undefined}>
      <Icon size={18} aria-hidden />
      <span>{label}</span>
      {count > 0 && (
        <span className={alert ? 'nav-count nav-count-alert' : 'nav-count'}>
          {count > 999 ? '999+' : count}
          <span className="visually-hidden">{alert ? ' unsynced, some need you' : ' unsynced'}</span>
        </span>
      )}
    </Link>
  );
}

/** Whether our server hears us, in a word. */
function ConnectivityPill() {
  const { verdict } = useConnectivity();
  const { phase } = useSyncStatus();
  const syncing = phase === 'syncing' && verdict === 'online';
  const { title, text } = VERDICTS[verdict];
  return (
    <Link href="/sync" className={`pill pill-${verdict}`} title={text} aria-label={`Connection: ${syncing ? 'Syncing' : title}`}>
      {syncing ? <RefreshCw size={12} className="spin" aria-hidden /> : <span className="dot" aria-hidden />}
      <span>{syncing ? 'Syncing' : title}</span>
    </Link>
  );
}

function UserMenu({ session, onSignOut, onShortcuts, direction }: FrameProps & { direction: 'up' | 'down' }) {
  return (
    <Menu
      label={`Account of ${session.name}`}
      direction={direction}
      align={direction === 'up' ? 'start' : 'end'}
      button={
        <>
          <span className="avatar" aria-hidden>
            {session.name.slice(0, 1).toUpperCase()}
          </span>
          <span className="user-name">{session.name}</span>
        </>
      }
    >
      <MenuItem icon={Keyboard} onSelect={onShortcuts}>
        Keyboard shortcuts
      </MenuItem>
      <ThemeItem />
      <MenuItem icon={LogOut} onSelect={onSignOut}>
        Sign out
      </MenuItem>
    </Menu>
  );
}

const THEMES = {
  system: { icon: Monitor, label: 'Colours: as the device' },
  light: { icon: Sun, label: 'Colours: light' },
  dark: { icon: Moon, label: 'Colours: dark' },
};

function ThemeButton() {
  const { icon: Icon, label } = THEMES[useReadable(theme)];
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={cycleTheme}>
      <Icon size={17} aria-hidden />
    </button>
  );
}

function ThemeItem() {
  const { icon, label } = THEMES[useReadable(theme)];
  return (
    <MenuItem icon={icon} onSelect={cycleTheme} keepOpen>
      {label}
    </MenuItem>
  );
}
