if (process.env["STATE_x"]) {
  const { runPost } = await import("./action.ts");
  await runPost();
}
