-- completion: how shells complete the command line of wsbot, made from its table of options.
local commands = require "wsbot.help.commands"
local topics = require "wsbot.help.topics"

local BRIEF_MOST <const> = 70 -- bytes of a description

-- What may stand for a word of the command line: { files = true, programs = true, words = { ... } }, by what the usage
-- or the table of options calls it: "FILE", "[NAME|PID]", "bash|zsh|fish".
local function choices(called)
  local words
  if called:find "^%l[%w.|-]*|" then
    words = {}
    for word in called:gmatch "[^|]+" do words[#words + 1] = word end
  elseif called:find "TOPIC" then
    words = topics.names()
  elseif called:find "URL" then
    words = { "ws://", "wss://" }
  end
  local is_file = called == "F" or called:find "FILE" or called:find "SCRIPT" or called:find "PATH"
  return { files = is_file and true or false, programs = called:find "PID" ~= nil, words = words }
end

-- What stands behind the options of a command.
local function operand(command)
  return choices(command.usage:match "^wsbot %l+(.*)$" :gsub("%[%-.-%]", ""))
end

-- The beginning of a help, which says what it is.
local function brief(help)
  local text = help:match "^(.-)[;(]" or help
  if #text > BRIEF_MOST then text = text:sub(1, BRIEF_MOST):match "^(.*) " .. " ..." end
  return text:match "^(.-)%s*$"
end

local function each_option(command, fn)
  for _, option in ipairs(command.options) do
    if option.name then fn(option) end
  end
end

local function each_command(fn)
  for _, command in ipairs(commands.list) do
    if command.name then fn(command) end
  end
end

-- A text in quotes of a shell.
local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

------------------------------------------------------------------------------------------------------------------- bash

local bash <const> = [[
# How bash completes the command line of wsbot. Made by `wsbot help --completion bash`.

_wsbot_words() {
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$1" -- "$word")
}

_wsbot_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
}

_wsbot_programs() {
    _wsbot_words "$(wsbot ps --names 2>/dev/null)"
}

_wsbot() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [ "$word" = "=" ]; then
        word=
    elif [ "$before" = "=" ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        _wsbot_words "%s"
        _wsbot_files
        return
    fi
    case "${COMP_WORDS[1]} $before" in
%s    esac
    case "${COMP_WORDS[1]} $word" in
%s    esac
}

complete -F _wsbot wsbot
]]

-- The commands of the shell that complete one of these.
local function bash_calls(what)
  local calls = {}
  if what.words then calls[#calls + 1] = ('_wsbot_words "%s"'):format(table.concat(what.words, " ")) end
  if what.programs then calls[#calls + 1] = "_wsbot_programs" end
  if what.files then calls[#calls + 1] = "_wsbot_files" end
  return #calls > 0 and table.concat(calls, "; ") or ":"
end

local function bash_case(pattern, calls, ending)
  return ("        %s) %s%s ;;\n"):format(pattern, calls, ending or "")
end

local function option_names(command)
  local all = {}
  each_option(command, function(option)
    if option.short then all[#all + 1] = option.short end
    all[#all + 1] = option.name
  end)
  return all
end

local function for_bash()
  local firsts, values, words = {}, {}, {}
  each_command(function(command)
    firsts[#firsts + 1] = command.name
    each_option(command, function(option)
      if not option.value or option.optional then return end
      local pattern = ('"%s %s"'):format(command.name, option.name)
      if option.short then pattern = ('%s | "%s %s"'):format(pattern, command.name, option.short) end
      values[#values + 1] = bash_case(pattern, bash_calls(choices(option.value)), "; return")
    end)
    words[#words + 1] = bash_case(('"%s "-*'):format(command.name), bash_calls { words = option_names(command) })
    words[#words + 1] = bash_case(('"%s "*'):format(command.name), bash_calls(operand(command)))
  end)
  words[#words + 1] = bash_case("*", "_wsbot_files")
  table.move(option_names(commands.program), 1, #commands.program.options, #firsts + 1, firsts)
  return bash:format(table.concat(firsts, " "), table.concat(values), table.concat(words))
end

-------------------------------------------------------------------------------------------------------------------- zsh

local zsh <const> = [[
#compdef wsbot
# How zsh completes the command line of wsbot. Made by `wsbot help --completion zsh`.

_wsbot_programs() {
    local -a programs
    programs=(${(f)"$(wsbot ps --names 2>/dev/null)"})
    compadd -a programs
}

_wsbot() {
    if (( CURRENT == 2 )); then
        local -a commands
        commands=(
%s        )
        _describe command commands
        _files
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
%s        *) _files ;;
    esac
}

_wsbot "$@"
]]

local function zsh_text(text)
  return (text:gsub("[%[%]:\\]", "\\%0"))
end

-- What completes one of these, as _arguments has it.
local function zsh_action(what)
  if what.words then return ("(%s)"):format(table.concat(what.words, " "):gsub(":", "\\:")) end
  if what.programs and what.files then return "{_wsbot_programs; _files}" end
  return what.programs and "_wsbot_programs" or what.files and "_files" or " "
end

-- "--record=[help]:FILE:_files"
local function zsh_option(option, name)
  local spec = (option.help:find "given again" and "*" or "") .. name
  local is_long = name:sub(1, 2) == "--"
  if option.value then spec = spec .. (is_long and "=" or "+") .. (option.optional and is_long and "-" or "") end
  spec = ("%s[%s]"):format(spec, zsh_text(brief(option.help)))
  if option.value then
    spec = ("%s%s%s:%s"):format(spec, option.optional and "::" or ":", zsh_text(option.value),
      zsh_action(choices(option.value)))
  end
  return quote(spec)
end

local function for_zsh()
  local firsts, cases = {}, {}
  each_command(function(command)
    firsts[#firsts + 1] = ("            %s\n"):format(quote(command.name .. ":" .. zsh_text(command.summary)))
    local specs = {}
    each_option(command, function(option)
      if option.short then specs[#specs + 1] = zsh_option(option, option.short) end
      specs[#specs + 1] = zsh_option(option, option.name)
    end)
    specs[#specs + 1] = quote("*:word:" .. zsh_action(operand(command)))
    cases[#cases + 1] = ("        %s) _arguments \\\n            %s ;;\n"):format(command.name,
      table.concat(specs, " \\\n            "))
  end)
  return zsh:format(table.concat(firsts), table.concat(cases))
end

------------------------------------------------------------------------------------------------------------------- fish

local fish <const> = [[
# How fish completes the command line of wsbot. Made by `wsbot help --completion fish`.

function __wsbot_begins
    test (count (commandline -opc)) -eq 1
end

function __wsbot_uses
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

]]

local function fish_values(what)
  local parts = { what.files and "-F" or "-f" }
  if what.words then parts[#parts + 1] = "-a " .. quote(table.concat(what.words, " ")) end
  if what.programs then parts[#parts + 1] = "-a " .. quote "(wsbot ps --names 2>/dev/null)" end
  return table.concat(parts, " ")
end

local function fish_option(command, option)
  local line = ("complete -c wsbot -n '__wsbot_uses %s' -l %s"):format(command.name, option.name:sub(3))
  if option.short then line = ("%s -s %s"):format(line, option.short:sub(2)) end
  if option.value and not option.optional then line = ("%s -r %s"):format(line, fish_values(choices(option.value))) end
  return ("%s -d %s\n"):format(line, quote(brief(option.help)))
end

local function for_fish()
  local lines = { fish }
  each_command(function(command)
    lines[#lines + 1] = ("complete -c wsbot -n __wsbot_begins -a %s -d %s\n"):format(command.name,
      quote(command.summary))
    lines[#lines + 1] = ("complete -c wsbot -n '__wsbot_uses %s' %s\n"):format(command.name,
      fish_values(operand(command)))
    each_option(command, function(option) lines[#lines + 1] = fish_option(command, option) end)
  end)
  each_option(commands.program, function(option)
    lines[#lines + 1] = ("complete -c wsbot -n __wsbot_begins -l %s -d %s\n"):format(option.name:sub(3),
      quote(brief(option.help)))
  end)
  return table.concat(lines)
end

local shells = { bash = for_bash, zsh = for_zsh, fish = for_fish }

-- The completion for a shell: "bash", "zsh" or "fish".
return function(shell)
  return shells[shell]()
end
