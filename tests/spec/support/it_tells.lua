-- it_tells: a test whose body is a story.
local busted = require "busted"
local story = require "support.story"

-- Called as busted's `it`. (By tail calls: busted looks up the stack for the line of a test, which is the spec's.)
return function(name, body)
  return busted.it(name, story.of(body))
end
