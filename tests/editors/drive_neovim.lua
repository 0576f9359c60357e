-- Uses the language server as a person does, and writes what it showed to results.json.
local results = {}

local function wait(what, look)
  assert(vim.wait(30000, look, 20), "nothing came: " .. what)
end

local function text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n")
end

local function codes()
  local found = {}
  for _, each in ipairs(vim.diagnostic.get(0)) do
    found[each.code] = { each.lnum, each.col }
  end
  return found
end

local function go_to(pattern)
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  assert(vim.fn.search(pattern) > 0, pattern)
end

vim.cmd.edit("job.sft.toml")
wait("diagnostics", function() return #vim.diagnostic.get(0) > 0 end)
results.opened = codes()

wait("hints", function() return #vim.lsp.inlay_hint.get({ bufnr = 0 }) > 0 end)
results.hints = vim.tbl_map(function(each) return each.inlay_hint.label end, vim.lsp.inlay_hint.get({ bufnr = 0 }))

go_to("data_path")
vim.lsp.buf.code_action({ context = { only = { "source.fixAll" }, diagnostics = {} }, apply = true })
wait("all fixes", function() return text():find("\ndata = ") end)
vim.cmd.undo()
wait("undo", function() return codes()["older-name"] end)
go_to("data_path")
vim.lsp.buf.rename("data")
wait("rename", function() return text():find("\ndata = ") end)

go_to("gpu_cout")
vim.lsp.buf.code_action({ context = { only = { "quickfix" }, diagnostics = {} }, apply = true })
wait("fix", function() return text():find("gpu_count") end)
wait("no diagnostics", function() return #vim.diagnostic.get(0) == 0 end)

vim.cmd.normal({ "Gowarmup_ratio = ", bang = true })
wait("syntax error", function() return codes()["toml-syntax"] end)
go_to("gpu_type")
local client = vim.lsp.get_clients({ name = "sftc" })[1]
results.encoding = client.offset_encoding
local function hover()
  local place = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local answer = vim.lsp.buf_request_sync(0, "textDocument/hover", place, 30000)
  return answer[client.id].result.contents.value
end
results.hover = hover()
go_to("name = ")
results.hover_behind_emoji = hover()
vim.cmd.normal({ "Gdd", bang = true })
wait("no syntax error", function() return #vim.diagnostic.get(0) == 0 end)

go_to("gpu_count")
vim.lsp.buf.definition()
wait("payload", function() return vim.api.nvim_buf_get_name(0):find("payload.json$") end)
results.payload = vim.api.nvim_get_current_line()
vim.lsp.buf.definition()
wait("config", function() return vim.api.nvim_buf_get_name(0):find("job.sft.toml$") end)
results.back = vim.api.nvim_get_current_line()

vim.lsp.codelens.refresh({ bufnr = 0 })
wait("lens", function() return #vim.lsp.codelens.get(0) > 0 end)
results.lens = vim.lsp.codelens.get(0)[1].command.title

results.text = text()
vim.fn.writefile({ vim.json.encode(results) }, "results.json")
