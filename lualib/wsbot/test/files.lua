-- wsbot.test.files: which spec files of those that busted finds are run, and for which of them something is loaded.
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

-- All but those of these names; all, where nothing were left.
local function without(found, names)
  local left = {}
  for _, name in ipairs(found) do
    if not names[name] then left[#left + 1] = name end
  end
  return #left > 0 and left or found
end

-- Has load(busted, found, load_files) called where busted would load the files that it has found, but for those that
-- are to be skipped. load_files(found) loads them.
function files.replace_loader(skipped, load)
  local make = require "busted.modules.test_file_loader"
  package.loaded["busted.modules.test_file_loader"] = function(busted, loaders)
    local load_all, load_one, find_all = make(busted, loaders)
    local function load_found(roots, patterns, options)
      local found = find_all(roots, patterns, options)
      if #found == 0 then return load_all({}, patterns, options) end -- which tells of that
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

-- What busted's loader of such files loads belongs to the file.
local function note_loads(loader)
  local load = loader.load
  function loader.load(busted, name)
    notes.begin(name)
    local file, get_trace, rewrite = load(busted, name)
    notes.begin ""
    return file, get_trace, rewrite
  end
end

-- Tells who watches for which file something is loaded, and which files have passed. What it returns is to be called
-- with busted.
function files.note()
  local insulated, current, failed = true, nil, nil
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
      current, failed = element.name, false
      if insulated then notes.begin(current) end -- else what one has loaded stays for the next
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
