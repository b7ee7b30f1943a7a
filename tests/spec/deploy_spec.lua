-- What is in scripts/deploy/ to be changed and used, as far as that can be told without a cluster: it can be read, its
-- numbers agree, and its commands have options that there are.
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local function deploy(name)
  return place.read("scripts/deploy/" .. name)
end

-- The output of a shell command, and whether it went well.
local function output(command)
  local pipe <close> = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "a"
  return text, (pipe:close())
end

local function need(command, package)
  if not os.execute(("command -v %s >/dev/null"):format(command)) then story.skip(package .. " is not installed") end
end

-- The lines of a file that are commands of wsbot: where its name is, and where its arguments go on.
local commands = {
  ["wsbot@.service"] = { "^ExecStart=", "WSBOT_OPTIONS=%-%-" },
  ["Containerfile"] = { "CMD %[\"run" },
  ["kubernetes-statefulset.yaml"] = { "^ *%- %-%-", "`%-%-" },
  ["kubernetes-job.yaml"] = { "^ *%- %-%-", "`%-%-" },
  ["slurm.sh"] = { "^exec wsbot" },
  ["nomad.hcl"] = { "args = %[", "^ *\"%-%-" },
}

describe("scripts/deploy", function()
  it_tells("has a commands table for every file of it", function()
    for name in output("ls -p scripts/deploy | grep -v /"):gmatch "[^\n]+" do
      assert.is_truthy(commands[name], name)
    end
  end)

  it_tells("uses options that wsbot run has", function()
    local words = {}
    for word in output(program.wsbot .. " run --help"):gmatch "\n  (%-%-[%l-]+)" do
      words[word] = true
    end
    for name, patterns in pairs(commands) do
      local found = 0
      for line in deploy(name):gmatch "[^\n]+" do
        for _, pattern in ipairs(patterns) do
          for option in (line:find(pattern) and line or ""):gmatch "%f[-]%-%-[%l-]+" do
            found = found + 1
            assert.is_truthy(words[option], name .. ": " .. option)
          end
        end
      end
      assert.is_true(found > 0, name)
    end
  end)

  -- As an instance of it, whose program is there.
  local function unit()
    local path = place.file("wsbot@spec.service", deploy("wsbot@.service"):gsub("/usr/bin/wsbot", program.wsbot))
    return path, path:match "(.*)/"
  end

  it_tells("has a unit that systemd understands", function()
    need("systemd-analyze", "systemd")
    local path, folder = unit()
    local said, good = output(("SYSTEMD_UNIT_PATH=%s: systemd-analyze verify --man=no %s"):format(folder, path))
    assert.equals("", said)
    assert.is_true(good)
  end)

  it_tells("has a unit that tells where a bot was stuck, and does not try again what cannot succeed", function()
    local text = deploy "wsbot@.service"
    for _, line in ipairs { "WatchdogSignal=SIGTERM", "Restart=on-failure", "RestartPreventExitStatus=2 78" } do
      assert.is_truthy(text:find("\n" .. line .. "\n", 1, true), line)
    end
  end)

  it_tells("has a unit whose examples are what systemd takes: no comments behind a value", function()
    local count = 0
    for value in deploy("wsbot@.service"):gmatch "\n# +WSBOT_%u+=([^\n]*)" do
      count = count + 1
      assert.is_nil(value:find("#", 1, true))
    end
    assert.equal(2, count)
  end)

  it_tells("has a unit that is exposed to little", function()
    need("systemd-analyze", "systemd")
    local said = output("systemd-analyze security --offline=true --no-pager " .. unit())
    local exposed = said:match "exposure level for wsbot@spec.service: ([%d.]+)"
    assert.is_true(tonumber(exposed) < 3, said)
  end)

  -- All documents of a YAML file.
  local function documents(name)
    if not os.execute "python3 -c 'import yaml' 2>/dev/null" then story.skip "python3-yaml is not installed" end
    local said, good = output("<scripts/deploy/" .. name ..
      " python3 -c 'import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)'")
    assert.is_true(good, said)
    return json.decode(said)
  end

  -- Looks at what all pods of ours have: probes on the port of --status, and the number of shards.
  local function check_pod(spec, shards)
    local bot = spec.containers[1]
    assert.equals("/livez", bot.livenessProbe.httpGet.path)
    assert.equals("/readyz", bot.readinessProbe.httpGet.path)
    assert.equals(bot.ports[1].name, bot.livenessProbe.httpGet.port)
    assert.is_truthy(table.concat(bot.args, " "):find("--status=0.0.0.0:" .. bot.ports[1].containerPort, 1, true))
    assert.same({ name = "WSBOT_SHARDS", value = tostring(shards) }, bot.env[1])
    assert.is_true(spec.securityContext.runAsNonRoot and bot.securityContext.readOnlyRootFilesystem)
    assert.is_true(spec.terminationGracePeriodSeconds > 15) -- what a graceful stop takes
  end

  it_tells("has a StatefulSet whose pods know how many they are", function()
    local service, set = table.unpack(documents "kubernetes-statefulset.yaml")
    assert.equals(service.metadata.name, set.spec.serviceName)
    assert.same(set.spec.selector.matchLabels, set.spec.template.metadata.labels)
    check_pod(set.spec.template.spec, set.spec.replicas)
  end)

  it_tells("has a Job whose pods know how many they are", function()
    local job = documents("kubernetes-job.yaml")[1]
    assert.equals("Indexed", job.spec.completionMode)
    assert.equals(job.spec.completions, job.spec.parallelism)
    check_pod(job.spec.template.spec, job.spec.completions)
  end)

  it_tells("has a job of Nomad whose bots know how many they are", function()
    local text = deploy "nomad.hcl"
    assert.equals(text:match "count = (%d+)", text:match "WSBOT_SHARD=.-/(%d+)")
    assert.equals(#text:gsub("[^{]", ""), #text:gsub("[^}]", ""))
  end)

  it_tells("has an array of Slurm that a shell can read", function()
    local said, good = output "sh -n scripts/deploy/slurm.sh"
    assert.is_true(good, said)
  end)

  it_tells("has an image built of what is there, by what ./dev builds it by", function()
    local text = deploy "Containerfile"
    for source in text:gmatch "\nCOPY ([^-]%S*)" do
      assert.is_truthy(os.execute("test -e " .. source), source)
    end
    for package in place.read("dev"):match('build_needs="(.-)"'):gmatch "%S+" do
      assert.is_truthy(text:find(package, 1, true), package)
    end
  end)
end)

describe("the image", function()
  it_tells("is healthy while the bot's loop turns, and not when nobody answers", function()
    if not pcall(require, "wsbot.http") then story.skip "there is no wsbot.http" end
    local code = deploy("Containerfile"):match '"(local answer.-)"%]'
    local bot = program.run { "run", "--status", "0", place.file("bot.lua", "host.sleep(60)") }
    local port = bot:complains("status on "):match "status on http://127.0.0.1:(%d+)"
    program.run({ "-e", (code:gsub("9100", port)) }):ends(0)
    bot:kill "sigterm"
    bot:ends(0)
    program.run({ "-e", (code:gsub("9100", port)) }):ends(1)
  end)
end)

describe("the Debian package", function()
  local control = place.read "scripts/deploy/debian/control"

  -- What is loaded when it is first used, by the file that has it.
  local packages = {
    ["libcurl-gnutls.so.4"] = "libcurl3-gnutls", ["libgcrypt.so.20"] = "libgcrypt20", ["libzstd.so.1"] = "libzstd1",
    ["libsqlite3.so.0"] = "libsqlite3-0",
  }

  it_tells("recommends or suggests every library that host/ loads when it needs it", function()
    local found = output [[grep -rhoE '"lib[a-z0-9-]+\.so\.[0-9]+"' host]]
    for library in found:gmatch '"(.-)"' do
      assert.is_truthy(packages[library], library)
      assert.is_truthy(control:match("\nRecommends:.*[ ,]" .. packages[library]:gsub("%-", "%%-")), library)
    end
  end)

  it_tells("is built by what ./dev builds with", function()
    for package in place.read("dev"):match('build_needs="(.-)"'):gmatch "lib%S+%-dev" do
      assert.is_truthy(control:find(package, 1, true) or package == "libc6-dev", package)
    end
  end)
end)
