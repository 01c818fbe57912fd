// Before `npm pack`: rewrites package.json so that the package brings the versions of our lock to any folder; `--restore` puts
// the file back. Elsewhere npm reads neither our lock nor our overrides, and it takes no shrinkwrap from a file. So all that
// is JavaScript goes into the package itself. What is compiled for its machine cannot: it and what it needs are named exactly.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const [FILE, KEPT] = ['package.json', 'package.json.unpacked'];
const COMPILED = ['better-sqlite3', 'sharp'];
const MODULES = 'node_modules/';

const nameOf = (path) => path.slice(path.lastIndexOf(MODULES) + MODULES.length);

/** Paths in the lock of all that these packages need, as Node finds them: in the package's own folder first, then above. */
function neededBy(names, packages) {
  const found = new Set();
  const visit = (name, from) => {
    for (let above = from; ; above = above.slice(0, Math.max(0, above.lastIndexOf(MODULES) - 1))) {
      const path = `${above === '' ? '' : `${above}/`}${MODULES}${name}`;
      if (packages[path] !== undefined && !found.has(path)) {
        found.add(path);
        for (const next of Object.keys(packages[path].dependencies ?? {})) visit(next, path);
      }
      if (packages[path] !== undefined || above === '') return;
    }
  };
  for (const name of names) visit(name, '');
  return [...found];
}

// Also where an earlier run was cut off.
if (existsSync(KEPT)) renameSync(KEPT, FILE);
if (process.argv[2] !== '--restore') {
  const text = readFileSync(FILE, 'utf8');
  // npm takes no override of a direct dependency.
  const { overrides, ...manifest } = JSON.parse(text);
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const bundleDependencies = Object.keys(manifest.dependencies).filter((name) => !COMPILED.includes(name));
  const bundled = new Set(neededBy(bundleDependencies, packages).map(nameOf));
  const exact = neededBy(COMPILED, packages).filter((path) => !bundled.has(nameOf(path)));
  const dependencies = { ...manifest.dependencies, ...Object.fromEntries(exact.map((path) => [nameOf(path), packages[path].version])) };
  writeFileSync(KEPT, text);
  writeFileSync(FILE, `${JSON.stringify({ ...manifest, dependencies, bundleDependencies }, null, 2)}\n`);
}
