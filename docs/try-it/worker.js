// Python in a worker: loads what `docs/browser_runtime.py` put into `runtime/`, and checks the texts that it is sent.
// Each file has a digest in the manifest, or in the lock file of Pyodide, that is compared.

const PROGRAM = `
import json

import sftc
from sftc.contract.versions import PACKAGED
from sftc.report.json import finding_object
from sftc.text.source import Source
from sftc.tools.lint import lint


def check(text, target):
    source = Source("job.sft.toml", text)
    findings = [finding_object(found) for found in lint(source, targets=[PACKAGED.target(target)])]
    compiled = sftc.compile(text.encode("utf-8", "surrogatepass"), target=target)
    files = None
    if compiled.ok:
        files = [(name, data.decode()) for name, data in compiled.files("job").items()]
    return json.dumps({"findings": findings, "files": files})


check
`
const RUNTIME = new URL("runtime/", import.meta.url).href

async function start() {
  const { loadPyodide } = await import(`${RUNTIME}pyodide.mjs`)
  const manifest = await (await fetch(`${RUNTIME}manifest.json`)).json()
  const pyodide = await loadPyodide({ indexURL: RUNTIME, packageBaseUrl: manifest.packages_from })
  await pyodide.loadPackage(manifest.packages)
  for (const { file, integrity } of manifest.wheels) {
    const wheel = await fetch(RUNTIME + file, { integrity })
    pyodide.unpackArchive(await wheel.arrayBuffer(), "wheel")
  }
  const check = pyodide.runPython(PROGRAM)
  self.addEventListener("message", ({ data }) => {
    try {
      self.postMessage(JSON.parse(check(data.text, data.target)))
    } catch (error) {
      self.postMessage({ failure: String(error) })
    }
  })
  self.postMessage({ targets: [...pyodide.runPython("PACKAGED.target_names")] })
}

start().catch((error) => self.postMessage({ failure: String(error) }))
