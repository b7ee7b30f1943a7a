-- multipart: bodies with parts and files, as a server gets them, and what is wrong with them.
-- Runs within the program that it tests.
local http = require "wsbot.http"
local testing = require "wsbot.testing"

-- What a server gets of it: its type, and the body with "BOUNDARY" in place of the boundary.
local function sent(multipart)
  local site = testing.http { ["POST /"] = {} }
  assert.equal(200, http.post(site.url .. "/", nil, { multipart = multipart }).status)
  local request = site.requests[1]
  local boundary = request.headers["content-type"]:match "^multipart/form%-data; boundary=([%w-]+)$"
  return (request.body:gsub(boundary:gsub("%p", "%%%0"), "BOUNDARY")), boundary
end

local function wrong(multipart, message)
  local ok, why = pcall(http.post, "http://127.0.0.1:1/", nil, { multipart = multipart })
  assert.is_false(ok)
  assert.equal("http.post: " .. message, why)
end

describe("multipart", function()
  it("writes texts and files, ordered by name", function()
    assert.equal(table.concat({
      "--BOUNDARY", 'Content-Disposition: form-data; name="a"', "", "text\n",
      "--BOUNDARY", 'Content-Disposition: form-data; name="b"; filename="x.bin"',
      "Content-Type: application/octet-stream", "", "\0\r\n--\255",
      "--BOUNDARY", 'Content-Disposition: form-data; name="c"; filename="p.png"', "Content-Type: image/png", "", "",
      "--BOUNDARY", 'Content-Disposition: form-data; name="d"', "Content-Type: application/json", "", "{}",
      "--BOUNDARY--", "",
    }, "\r\n"), (sent {
      c = { filename = "p.png", type = "image/png", data = "" }, a = "text\n",
      b = { filename = "x.bin", data = "\0\r\n--\255" },
      d = { type = "application/json", data = "{}" },
    }))
  end)

  it("writes a part for each value of a list, and none of an empty one", function()
    assert.equal(table.concat({
      "--BOUNDARY", 'Content-Disposition: form-data; name="f"', "", "1",
      "--BOUNDARY", 'Content-Disposition: form-data; name="f"; filename="2"',
      "Content-Type: application/octet-stream", "", "2",
      "--BOUNDARY--", "",
    }, "\r\n"), (sent { f = { "1", { filename = "2", data = "2" } }, none = {} }))
    assert.equal("--BOUNDARY--\r\n", (sent {}))
  end)

  it("quotes names as browsers do", function()
    local body = sent { ['a"b\r\nc\nd\re%22é'] = { filename = 'x"\r\ny', data = "" } }
    assert.matches('name="a%22b%0D%0Ac%0D%0Ad%0D%0Ae%22é"; filename="x%22%0D%0Ay"\r\n', body, 1, true)
  end)

  it("has another boundary each time", function()
    local _, one = sent { a = "1" }
    local _, other = sent { a = "1" }
    assert.are_not.equal(one, other)
    assert.is_true(#one >= 24)
  end)

  it("names the part that is wrong", function()
    wrong("text", "multipart must be a table, not string")
    wrong({ a = 5 }, "multipart.a must be a string, { filename =, type =, data = } or a list of them, not number")
    wrong({ a = { "x", true } },
      "multipart.a[2] must be a string, { filename =, type =, data = } or a list of them, not boolean")
    wrong({ a = { filename = "x" } }, "multipart.a.data is missing")
    wrong({ a = { data = 5 } }, "multipart.a.data must be a string, not number")
    wrong({ a = { data = "", type = "text/plain\r\nX: y" } },
      "multipart.a.type 'text/plain\\r\\nX: y' is no media type")
    wrong({ a = { data = "", filname = "x" } },
      "unknown option 'multipart.a.filname' (did you mean 'multipart.a.filename'?)")
    wrong({ a = { "x", data = "y" } }, "multipart.a must be a list or one part, not both: found 'data'")
    wrong({ "x" }, "multipart must map names to values; found a number as a name")
  end)

  it("is the only body, and writes its own type", function()
    local ok, why = pcall(http.post, "http://127.0.0.1:1/", "x", { multipart = {} })
    assert.same({ false, "http.post: body, form, json and multipart exclude each other" }, { ok, why })
    ok, why = pcall(http.post, "http://127.0.0.1:1/", nil, { multipart = {}, headers = { ["content-type"] = "x/y" } })
    assert.same({ false, "http.post: header 'Content-Type': multipart writes its own, with a boundary" }, { ok, why })
  end)
end)
