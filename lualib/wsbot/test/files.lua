-- wsbot.test.files: chooses which of the spec files that busted finds are run, and notes for which of them something is
-- loaded.
local notes = require "wsbot.test.notes"

local files = {}

-- Has change(options) called with what busted has read from the command line and .busted.
function files.change_options(change)
  local make = require "busted.modules.cli"
  package.loaded["busted.modules.cli"] = function(defaults)
    local cli = make(defaults)
    local parse = cli.parse
    function cli.parse(self, args)
      local options, why = parse(self, args)
      if options then change(options) end
      return options, why
    end
    return cli
  end
end

-- The files found except those of these names; all of them, where none would be left.
local function without(found, names)
  local left = {}
  for _, name in ipairs(found) do
    if not names[name] then left[#left + 1] = name end
  end
  return #left > 0 and left or found
end

-- Has load(busted, found, load_files) called in place of busted's loading of the files that it has found, without those
-- to be skipped. load_files(found) loads them.
function files.replace_loader(skipped, load)
  local make = require "busted.modules.test_file_loader"
  package.loaded["busted.modules.test_file_loader"] = function(busted, loaders)
    local load_all, load_one, find_all = make(busted, loaders)
    local function load_found(roots, patterns, options)
      local found = find_all(roots, patterns, options)
      if #found == 0 then return load_all({}, patterns, options) end -- it reports that
      return load(busted, without(found, skipped), function(some)
        return load_all(some, patterns, options)
      end)
    end
    return load_found, load_one, find_all
  end
end

-- Has busted load those alone that are not to be skipped.
function files.skip(skipped)
  files.replace_loader(skipped, function(_, found, load_files)
    return load_files(found)
  end)
end

-- Notes what busted's loader loads for a spec file under that file.
local function note_loads(loader)
  local load = loader.load
  function loader.load(busted, name)
    notes.begin(name)
    local file, get_trace, rewrite = load(busted, name)
    notes.begin ""
    return file, get_trace, rewrite
  end
end

local function table_copy(from)
  local to = {}
  for key, value in pairs(from) do to[key] = value end
  return to
end

-- Notes under all spec files what one has left loaded for the next (busted's expose).
local function note_left(known)
  for name in pairs(package.loaded) do
    local path = not known[name] and type(name) == "string" and package.searchpath(name, package.path)
    if path then host.watch(path) end
  end
end

-- Notes for the process that watches for which spec file something is loaded, and which spec files have passed. Returns
-- a function that is to be called with busted.
function files.note()
  local insulated, known, current, failed = true, nil, nil, nil
  files.change_options(function(options)
    insulated = options["auto-insulate"]
    for _, name in ipairs(options.loaders) do
      local ok, loader = pcall(require, "busted.modules.files." .. name)
      if ok then note_loads(loader) end
    end
  end)
  return function(busted)
    local function on(what, fn)
      busted.subscribe(what, function(element)
        fn(element)
        return nil, true
      end, { priority = 1 })
    end
    on({ "file", "start" }, function(element)
      if known then note_left(known) end
      known = known or table_copy(package.loaded)
      current, failed = element.name, false
      if insulated then notes.begin(current) end -- else a spec file also uses what another has loaded
    end)
    on({ "file", "end" }, function()
      notes.begin ""
      notes.finish(current, not failed)
    end)
    for _, what in ipairs { "error", "failure" } do
      on({ what }, function()
        failed = true
      end)
    end
  end
end

return files
