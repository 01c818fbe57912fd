import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const from = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const display = from('./kiosk/display/pages/');
const holder = from('./sync/holder/page/');

/** The pages of two rooms, built one after the other: `vite build --mode display`, then `--mode holder`. */
const rooms = {
  display: {
    root: display,
    outDir: from('./dist/kiosk/display/pages/'),
    input: { citizen: `${display}citizen/index.html`, supervisor: `${display}supervisor/index.html` },
  },
  holder: { root: holder, outDir: from('./dist/sync/holder/page/'), input: { holder: `${holder}index.html` } },
} as const;

export default defineConfig(({ mode }) => {
  const { root, outDir, input } = mode === 'holder' ? rooms.holder : rooms.display;
  return {
    root,
    // Relative, so that the holder's page may also stand behind a server with TLS, at a path of it.
    base: './',
    worker: { format: 'es' },
    build: {
      outDir,
      emptyOutDir: true,
      // The content policy allows files only: no inlined fonts, no injected preload code.
      assetsInlineLimit: 0,
      modulePreload: false,
      rollupOptions: { input },
    },
    logLevel: 'warn',
  };
});
