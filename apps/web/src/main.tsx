import '@fontsource-variable/inter/index.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';
import './styles/banner.css';
import './styles/lists.css';
import './styles/forms.css';
import './styles/invoice.css';
import './styles/sync.css';
import './styles/resolve.css';
import './styles/session.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { ErrorBoundary } from './app/ErrorBoundary.tsx';
import { applyTheme } from './app/theme.ts';
import { watchForUpdates } from './app/updates.ts';

applyTheme();
watchForUpdates();

const root = document.getElementById('root');
if (root === null) throw new Error('BUG: index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <App />
    </ErrorBoundary>
  </StrictMode>,
);
