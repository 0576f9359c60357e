// Starts `sftc lsp` for TOML files, and for the payloads that it shows.
"use strict";

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate() {
  const settings = workspace.getConfiguration("sftc");
  client = new LanguageClient(
    "sftc",
    "sftc",
    { command: settings.get("command"), args: ["lsp"] },
    {
      documentSelector: [{ language: "toml" }, { scheme: "file", pattern: "**/sftc-*/*/*.payload.json" }],
      initializationOptions: { target: settings.get("target") },
      synchronize: { configurationSection: "sftc" },
    },
  );
  return client.start();
}

function deactivate() {
  return client && client.stop();
}

module.exports = { activate, deactivate };
