import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const pages = fileURLToPath(new URL('./kiosk/display/pages/', import.meta.url));

export default defineConfig({
  root: pages,
  worker: { format: 'es' },
  build: {
    outDir: fileURLToPath(new URL('./dist/kiosk/display/pages/', import.meta.url)),
    emptyOutDir: true,
    // The content policy allows files only: no inlined fonts, no injected preload code.
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: { input: { citizen: `${pages}citizen/index.html`, supervisor: `${pages}supervisor/index.html` } },
  },
  logLevel: 'warn',
});
