// The page that checks a config: it starts the worker, sends it the text, and shows what it answers.
// Nothing from a config or an answer is read as HTML.

const [load, target, status, config, list, output] = [
  "load", "target", "status", "config", "list", "output",
].map((name) => document.getElementById(`try-${name}`))
const PAUSE = 150 // milliseconds after the last key
let worker, timer

function element(name, text, properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...properties })
}

function ask() {
  clearTimeout(timer)
  timer = setTimeout(() => worker.postMessage({ text: config.value, target: target.value }), PAUSE)
}

function select(range) {
  const lines = config.value.split("\n")
  // Columns count characters; the page counts UTF-16 units.
  const offset = ({ line, column }) =>
    lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) +
    [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length
  config.focus()
  config.setSelectionRange(offset(range.start), offset(range.end))
}

function item(found) {
  const { line, column } = found.range.start
  const entry = element("li", "")
  const place = element("button", `${line}:${column}`, { type: "button", className: "place" })
  place.addEventListener("click", () => select(found.range))
  const rule = element("a", `${found.severity}[${found.id}]`, {
    href: `../reference/findings/#${found.id}-${found.severity}`,
    className: found.severity,
  })
  entry.append(place, " ", rule, ` ${found.message}`)
  if (found.help) entry.append(element("span", `help: ${found.help}`, { className: "help" }))
  return entry
}

function show({ findings, files }) {
  const names = ["error", "warning", "note"]
  const counts = names.map((name) => [findings.filter((each) => each.severity === name).length, name])
  const words = counts.filter(([number]) => number).map(([number, name]) => `${number} ${name}${number > 1 ? "s" : ""}`)
  status.textContent = words.join(", ") || "no findings"
  list.replaceChildren(...findings.map(item))
  output.textContent = files
    ? files.map(([name, text]) => (files.length > 1 ? `# ${name}\n${text}` : text)).join("\n")
    : "no payload: the config has errors"
}

function answered({ data }) {
  if (data.targets) {
    target.replaceChildren(...data.targets.map((name) => element("option", name)))
    target.disabled = false
    load.hidden = true
    ask()
  } else if (data.failure) {
    status.textContent = `sftc failed: ${data.failure}`
  } else {
    show(data)
  }
}

load.addEventListener("click", () => {
  load.disabled = true
  status.textContent = "loading…"
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" })
  worker.addEventListener("message", answered)
  worker.addEventListener("error", (error) => answered({ data: { failure: error.message || "no runtime" } }))
  config.addEventListener("input", ask)
  target.addEventListener("change", ask)
})
