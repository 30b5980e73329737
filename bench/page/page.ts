/**
 * @file The page: choose groups and threads, run, watch the table fill. `?only=GROUP,...&threads=N` chooses, and runs at once. Every row is also a line of
 * JSON on the console; `document.body.dataset.state` is "running", then "done" or "failed".
 */
import type { Row } from "../harness.ts";
import { groups } from "../workloads.ts";
import type { News, Order } from "./worker.ts";

/** The cold start is a new process's: a page has none. */
const offered = Object.keys(groups).filter((name) => name !== "cold");
/** Minutes of work, gigabytes of memory: run when they are asked for. */
const HEAVY = new Set(["vgg16inf", "vgg16train"]);

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

function checkbox(name: string): HTMLElement {
  const label = document.createElement("label");
  const box = Object.assign(document.createElement("input"), { type: "checkbox", value: name, checked: !HEAVY.has(name) });
  label.append(box, ` ${name}`);
  return label;
}

const digits = (x: number): string => (x < 1 ? x.toPrecision(3) : x.toFixed(2));

function show(row: Row): void {
  console.log(JSON.stringify(row));
  const { w, threads, error, median_ms: median, min_ms: least, n, gflop } = row;
  const line = element<HTMLTableSectionElement>("rows").insertRow();
  line.insertCell().textContent = String(w);
  line.insertCell().textContent = String(threads);
  if (error !== undefined) {
    Object.assign(line.insertCell(), { colSpan: 4, className: "error", textContent: String(error) });
    return;
  }
  const speed = gflop === undefined ? "" : ((Number(gflop) / Number(median)) * 1e3).toFixed(1);
  for (const text of [digits(Number(median)), digits(Number(least)), String(n), speed]) line.insertCell().textContent = text;
}

function status(text: string, state: "running" | "done" | "failed" = "running"): void {
  element("status").textContent = text;
  document.body.dataset.state = state;
}

/** A new engine for every run, so that none finds what another has left. */
function run(order: Order): void {
  const unknown = order.groups.find((name) => !offered.includes(name));
  if (unknown !== undefined) {
    status(`unknown group "${unknown}" (known: ${offered.join(", ")})`, "failed");
    return;
  }
  const [button, progress] = [document.querySelector("button")!, element<HTMLProgressElement>("progress")];
  const worker = new Worker("worker.js", { type: "module" });
  const end = (text: string, state: "done" | "failed"): void => {
    worker.terminate();
    button.disabled = false;
    status(text, state);
  };
  let begun = 0;
  worker.onmessage = ({ data }: MessageEvent<News>) => {
    if ("group" in data) progress.value = begun++;
    else if ("workload" in data) status(`${data.workload} …`);
    else if ("row" in data) show(data.row);
    else {
      progress.value = begun;
      end("done", "done");
    }
  };
  worker.onerror = (event) => end(`failed: ${event.message ?? "the engine does not load"}`, "failed");
  button.disabled = true;
  progress.max = order.groups.length;
  status("starting …");
  worker.postMessage(order);
}

const wanted = new URL(location.href).searchParams;
const threads = element<HTMLInputElement>("threads");
element("groups").append(...offered.map(checkbox));
element("host").textContent = crossOriginIsolated
  ? `${navigator.hardwareConcurrency} cores; the page is isolated, so there are threads.`
  : "The page is not cross-origin isolated: one thread.";
threads.value = wanted.get("threads") ?? threads.value;
element("choice").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = [...document.querySelectorAll<HTMLInputElement>("#groups input:checked")].map((box) => box.value);
  run({ groups: chosen, threads: threads.valueAsNumber });
});
const only = wanted.get("only");
if (only !== null) run({ groups: only === "" ? offered : only.split(","), threads: threads.valueAsNumber });
