// Reads a JSON array of texts and answers, for each, whether Mermaid's own parser takes it.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import("mermaid");

let input = "";
for await (const chunk of process.stdin) input += chunk;
const verdicts = [];
for (const text of JSON.parse(input)) {
  try {
    verdicts.push((await mermaid.parse(text)).diagramType);
  } catch (error) {
    verdicts.push(`refused: ${error.message}`);
  }
}
process.stdout.write(JSON.stringify(verdicts));
