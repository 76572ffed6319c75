import * as core from "@actions/core";
import Agent from "undici/lib/dispatcher/agent.js";
import request from "undici/lib/api/api-request.js";
import * as z from "zod/mini";
export async function runMain(): Promise<void> {
  core.info("hi");
  console.log(Agent, request, z.object);
  if (core.getInput("gh")) { const g = await import("@actions/github"); console.log(g.getOctokit); }
  if (core.getInput("gl")) { const g = await import("@actions/glob"); console.log(g.create); }
  if (core.getInput("md")) { const g = await import("mdast-util-from-markdown"); console.log(g.fromMarkdown); const h= await import("mdast-util-to-markdown"); console.log(h);const i= await import("mdast-util-gfm"); console.log(i);const j= await import("micromark-extension-gfm"); console.log(j)}
  if (core.getInput("es")) { const g = await import("eventsource-parser"); console.log(g); }
  if (core.getInput("px")) { const g = await import("undici/lib/dispatcher/env-http-proxy-agent.js"); console.log(g); }
}
export async function runPost(): Promise<void> { core.info("post"); }
