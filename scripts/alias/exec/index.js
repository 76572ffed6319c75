export function getExecOutput() {
  throw new Error("This action is built without core.platform.");
}
