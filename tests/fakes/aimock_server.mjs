// The providers' protocols as aimock's makers understand them; tells where it is.

import { LLMock } from "@copilotkit/aimock";

const CALL = { toolCalls: [{ name: "calculate", arguments: '{"expression": "6 * 7"}' }] };
const USAGE = { prompt_tokens: 11, completion_tokens: 7, input_tokens: 11, output_tokens: 7 };
const LONG = { content: "A sentence of many words, which comes in as many pieces as it has." };

const mock = new LLMock({ host: "127.0.0.1", port: 0 });
const on = (match, response, how = {}) => mock.addFixture({ match, response, ...how });

on({ systemMessage: "title of a conversation" }, { content: "A title of theirs" });
on({ userMessage: "say hello" }, { content: "Hello from a stranger. 😀", usage: USAGE });
on({ userMessage: "6 times 7", hasToolResult: true }, { content: "It is 42." });
on({ userMessage: "6 times 7", hasToolResult: false }, CALL);
on({ userMessage: "too often" }, { error: { message: "Slow down." }, status: 429, retryAfter: 7 });
on({ userMessage: "overloaded" }, { error: { message: "Overloaded." }, status: 503 });
on({ userMessage: "break off" }, LONG, { chunkSize: 8, truncateAfterChunks: 4 });
on({ userMessage: "stammer" }, LONG, { chaos: { malformedRate: 1 } });

await mock.start();
process.stdout.write(`aimock ${mock.url}\n`);
