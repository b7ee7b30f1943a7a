return function() error("not yet") end
