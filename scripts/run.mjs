// Starts scripts/<name>.ts. Plain JavaScript, so that a Node too old for the rest still gets a sentence instead of a
// syntax error. `npm run` puts the optional npm package `node` (24.x) on PATH where the host's own Node is older.
const [major] = process.versions.node.split(".");
if (Number(major) < 24) {
  console.error(
    `This project needs Node 24 or newer; this is ${process.version}.\n` +
      "Install it from https://nodejs.org (or `nvm install 24`), then run the command again. The optional npm package\n" +
      "`node` brings one along where it has a build for the machine and install scripts are allowed: `npm ci`.",
  );
  process.exit(1);
}
const [name, ...rest] = process.argv.slice(2);
process.argv.splice(1, 2, `scripts/${name}.ts`);
void rest;
await import(new URL(`./${name}.ts`, import.meta.url).href);
