module asyncproducer

go 1.25
