// The AG-UI client as its makers publish it, driven by lines of JSON: one run asked for, one told.

import readline from "node:readline";

import { HttpAgent } from "@ag-ui/client";

const agents = new Map();
let warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));

function agentOf({ agent, url, token, threadId, messages }) {
  if (!agents.has(agent)) {
    const headers = { Authorization: `Bearer ${token}` };
    agents.set(agent, new HttpAgent({ url, headers, threadId, initialMessages: messages }));
  }
  return agents.get(agent);
}

/** Run once; `told` is a stream to read instead of the server's, `leaveAt` the event to leave at. */
async function run({ add, parameters, told, leaveAt, ...wanted }) {
  const agent = agentOf(wanted);
  if (add) agent.addMessage(add);
  if (told !== undefined) {
    const headers = { "Content-Type": "text/event-stream" };
    agent.fetch = async () => new Response(told, { headers });
  }
  const events = [];
  warnings = [];
  let error = null;
  const onEvent = ({ event }) => {
    events.push(event);
    process.stdout.write(`${JSON.stringify({ event })}\n`);
    if (leaveAt && [event.type, event.name].includes(leaveAt)) agent.abortRun();
  };
  try {
    await agent.runAgent(parameters ?? {}, { onEvent });
  } catch (raised) {
    error = { message: String(raised.message), status: raised.status ?? null };
  }
  const { messages, pendingInterrupts } = agent;
  return { error, events, warnings, messages, interrupts: pendingInterrupts };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify({ done: await run(JSON.parse(line)) })}\n`);
}
